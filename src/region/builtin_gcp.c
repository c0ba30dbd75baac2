#include "region/builtin.h"

#include "base/mem.h"

/* Google publishes the town of each region. */
#define SOURCE "Google Cloud: Regions and zones (cloud.google.com/compute/docs/regions-zones)"
#define GCP(name, place, iso, zone, lat, lon)                                                      \
    BUILTIN_REGION("gcp", name, place, iso, zone, lat, lon, SOURCE)

static const struct region rows[] = {
    GCP("africa-south1", "Johannesburg, South Africa", "ZA", "", -26.20, 28.05),
    GCP("asia-east1", "Changhua County, Taiwan", "TW", "", 24.08, 120.54),
    GCP("asia-east2", "Hong Kong", "HK", "", 22.32, 114.17),
    GCP("asia-northeast1", "Tokyo, Japan", "JP", "", 35.68, 139.69),
    GCP("asia-northeast2", "Osaka, Japan", "JP", "", 34.69, 135.50),
    GCP("asia-northeast3", "Seoul, South Korea", "KR", "", 37.57, 126.98),
    GCP("asia-south1", "Mumbai, India", "IN", "", 19.08, 72.88),
    GCP("asia-south2", "Delhi, India", "IN", "", 28.61, 77.21),
    GCP("asia-southeast1", "Jurong West, Singapore", "SG", "", 1.35, 103.71),
    GCP("asia-southeast2", "Jakarta, Indonesia", "ID", "", -6.21, 106.85),
    GCP("asia-southeast3", "Bangkok, Thailand", "TH", "", 13.76, 100.50),
    GCP("australia-southeast1", "Sydney, Australia", "AU", "", -33.87, 151.21),
    GCP("australia-southeast2", "Melbourne, Australia", "AU", "", -37.81, 144.96),
    GCP("europe-central2", "Warsaw, Poland", "PL", "PL", 52.23, 21.01),
    GCP("europe-north1", "Hamina, Finland", "FI", "FI", 60.57, 27.20),
    GCP("europe-north2", "Stockholm, Sweden", "SE", "SE-SE3", 59.33, 18.07),
    GCP("europe-southwest1", "Madrid, Spain", "ES", "ES", 40.42, -3.70),
    GCP("europe-west1", "St. Ghislain, Belgium", "BE", "BE", 50.45, 3.82),
    GCP("europe-west2", "London, United Kingdom", "GB", "GB", 51.51, -0.13),
    GCP("europe-west3", "Frankfurt, Germany", "DE", "DE", 50.11, 8.68),
    GCP("europe-west4", "Eemshaven, Netherlands", "NL", "NL", 53.44, 6.83),
    GCP("europe-west6", "Zurich, Switzerland", "CH", "CH", 47.38, 8.54),
    GCP("europe-west8", "Milan, Italy", "IT", "", 45.46, 9.19),
    GCP("europe-west9", "Paris, France", "FR", "FR", 48.86, 2.35),
    GCP("europe-west10", "Berlin, Germany", "DE", "DE", 52.52, 13.40),
    GCP("europe-west12", "Turin, Italy", "IT", "", 45.07, 7.69),
    GCP("me-central1", "Doha, Qatar", "QA", "", 25.29, 51.53),
    GCP("me-central2", "Dammam, Saudi Arabia", "SA", "", 26.42, 50.09),
    GCP("me-west1", "Tel Aviv, Israel", "IL", "", 32.09, 34.78),
    GCP("northamerica-northeast1", "Montreal, Canada", "CA", "", 45.50, -73.57),
    GCP("northamerica-northeast2", "Toronto, Canada", "CA", "", 43.65, -79.38),
    GCP("northamerica-south1", "Queretaro, Mexico", "MX", "", 20.59, -100.39),
    GCP("southamerica-east1", "Osasco, Sao Paulo, Brazil", "BR", "", -23.53, -46.79),
    GCP("southamerica-west1", "Santiago, Chile", "CL", "", -33.45, -70.67),
    GCP("us-central1", "Council Bluffs, Iowa, United States", "US", "", 41.26, -95.86),
    GCP("us-east1", "Moncks Corner, South Carolina, United States", "US", "", 33.20, -80.01),
    GCP("us-east4", "Ashburn, Virginia, United States", "US", "", 39.04, -77.49),
    GCP("us-east5", "Columbus, Ohio, United States", "US", "", 39.96, -83.00),
    GCP("us-south1", "Dallas, Texas, United States", "US", "", 32.78, -96.80),
    GCP("us-west1", "The Dalles, Oregon, United States", "US", "", 45.59, -121.18),
    GCP("us-west2", "Los Angeles, California, United States", "US", "", 34.05, -118.24),
    GCP("us-west3", "Salt Lake City, Utah, United States", "US", "", 40.76, -111.89),
    GCP("us-west4", "Las Vegas, Nevada, United States", "US", "", 36.17, -115.14),
};

const struct builtin_table builtin_gcp = {rows, COUNT_OF(rows)};
