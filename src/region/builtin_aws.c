#include "region/builtin.h"

#include "base/mem.h"

/* AWS names a city or a state for each region; cities in states are not published. */
#define SOURCE "AWS: Regions and Availability Zones (docs.aws.amazon.com/global-infrastructure)"
#define AWS(name, place, iso, zone, lat, lon)                                                      \
    BUILTIN_REGION("aws", name, place, iso, zone, lat, lon, SOURCE)

static const struct region rows[] = {
    AWS("us-east-1", "Northern Virginia, United States", "US", "", 38.95, -77.45),
    AWS("us-east-2", "Ohio, United States", "US", "", 39.96, -83.00),
    AWS("us-west-1", "Northern California, United States", "US", "", 37.35, -121.96),
    AWS("us-west-2", "Oregon, United States", "US", "", 45.84, -119.70),
    AWS("us-gov-east-1", "Ohio, United States", "US", "", 39.96, -83.00),
    AWS("us-gov-west-1", "Oregon, United States", "US", "", 45.84, -119.70),
    AWS("ca-central-1", "Montreal, Canada", "CA", "", 45.50, -73.57),
    AWS("ca-west-1", "Calgary, Canada", "CA", "", 51.05, -114.07),
    AWS("mx-central-1", "Queretaro, Mexico", "MX", "", 20.59, -100.39),
    AWS("sa-east-1", "Sao Paulo, Brazil", "BR", "", -23.55, -46.63),
    AWS("eu-central-1", "Frankfurt, Germany", "DE", "DE", 50.11, 8.68),
    AWS("eu-central-2", "Zurich, Switzerland", "CH", "CH", 47.38, 8.54),
    AWS("eu-north-1", "Stockholm, Sweden", "SE", "SE-SE3", 59.33, 18.07),
    AWS("eu-south-1", "Milan, Italy", "IT", "", 45.46, 9.19),
    AWS("eu-south-2", "Aragon, Spain", "ES", "ES", 41.65, -0.88),
    AWS("eu-west-1", "Dublin, Ireland", "IE", "IE", 53.35, -6.26),
    AWS("eu-west-2", "London, United Kingdom", "GB", "GB", 51.51, -0.13),
    AWS("eu-west-3", "Paris, France", "FR", "FR", 48.86, 2.35),
    AWS("eusc-de-east-1", "Brandenburg, Germany", "DE", "DE", 52.41, 12.53),
    AWS("af-south-1", "Cape Town, South Africa", "ZA", "", -33.92, 18.42),
    AWS("il-central-1", "Tel Aviv, Israel", "IL", "", 32.09, 34.78),
    AWS("me-central-1", "United Arab Emirates", "AE", "", 25.20, 55.27),
    AWS("me-south-1", "Manama, Bahrain", "BH", "", 26.23, 50.59),
    AWS("ap-east-1", "Hong Kong", "HK", "", 22.32, 114.17),
    AWS("ap-east-2", "Taipei, Taiwan", "TW", "", 25.03, 121.57),
    AWS("ap-northeast-1", "Tokyo, Japan", "JP", "", 35.68, 139.69),
    AWS("ap-northeast-2", "Seoul, South Korea", "KR", "", 37.57, 126.98),
    AWS("ap-northeast-3", "Osaka, Japan", "JP", "", 34.69, 135.50),
    AWS("ap-south-1", "Mumbai, India", "IN", "", 19.08, 72.88),
    AWS("ap-south-2", "Hyderabad, India", "IN", "", 17.39, 78.49),
    AWS("ap-southeast-1", "Singapore", "SG", "", 1.35, 103.82),
    AWS("ap-southeast-2", "Sydney, Australia", "AU", "", -33.87, 151.21),
    AWS("ap-southeast-3", "Jakarta, Indonesia", "ID", "", -6.21, 106.85),
    AWS("ap-southeast-4", "Melbourne, Australia", "AU", "", -37.81, 144.96),
    AWS("ap-southeast-5", "Kuala Lumpur, Malaysia", "MY", "", 3.14, 101.69),
    AWS("ap-southeast-6", "Auckland, New Zealand", "NZ", "", -36.85, 174.76),
    AWS("ap-southeast-7", "Bangkok, Thailand", "TH", "", 13.76, 100.50),
    AWS("cn-north-1", "Beijing, China", "CN", "", 39.90, 116.41),
    AWS("cn-northwest-1", "Zhongwei, Ningxia, China", "CN", "", 37.50, 105.20),
};

const struct builtin_table builtin_aws = {rows, COUNT_OF(rows)};
