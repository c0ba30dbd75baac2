#pragma once

/*
 * What providers call places, in the catalogue's names. A label that a provider puts on several
 * countries becomes a zone, never a guess at the likeliest region in it; a name that is not known
 * stays unknown, and unknown is refused.
 */

#include "region/region.h"

/* The region that an Azure endpoint names: "swedencentral" and "Sweden Central" are both
 * azure-swedencentral. REGION_NONE if the catalogue has no such region. */
unsigned region_find_azure(const struct region_catalogue *c, str name);

/* The zone in which a model name itself says that it is computed, or STR_NULL: the geography prefix
 * of an Amazon Bedrock inference profile, bare ("eu.anthropic.claude-..."), behind a provider
 * ("bedrock/eu.anthropic...") or in an ARN. */
str region_zone_of_model(str model);

/* Where an Azure deployment computes. */
enum region_deployment {
    REGION_DEPLOYMENT_REGIONAL, /* in the resource's own region */
    REGION_DEPLOYMENT_DATAZONE, /* anywhere in the data zone of that region */
    REGION_DEPLOYMENT_GLOBAL,   /* anywhere */
};

/* "standard", "regional", "datazone", "global", or an Azure SKU name ("DataZoneStandard",
 * "GlobalBatch", "ProvisionedManaged" ...), in any case. False on anything else. */
bool region_deployment_parse(str text, enum region_deployment *ret_type);

/* The zone or code of what such a deployment of a resource in `region` may use. A data zone of a
 * region that is unknown, or in no data zone that is documented, is the world. For
 * REGION_DEPLOYMENT_REGIONAL the code itself, STR_NULL where the region is REGION_NONE. */
str region_of_deployment(const struct region_catalogue *c, enum region_deployment type,
                         unsigned region);

/* What a provider documents about a host name, in words for a report, or STR_NULL. Never a set: who
 * computes behind a host is a matter of the provider's contract, so the operator declares it. */
str region_host_evidence(str host);
