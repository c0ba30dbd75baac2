"""Places and rules as the documentation defines them, written without a look at src/: the storm's own table of regions and zones.

A set is an int: one bit for each region that the storm uses, one for "elsewhere in this country" for each country, one for "unknown". The table
holds far fewer regions than the product's, which is sound as long as rules and endpoints are drawn from these names only.
"""

from dataclasses import dataclass

EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
OTHERS = "IS LI NO CH GB US CA AU NZ JP SG IN BR".split()
COUNTRIES = EU + OTHERS

REGIONS = {
    "scaleway-par-1": "FR", "scaleway-par-2": "FR", "ovh-gra-1": "FR", "ovh-rbx-1": "FR",
    "atnorth-sto-1": "SE", "atnorth-isl-1": "IS", "hetzner-fsn-1": "DE", "hetzner-hel-1": "FI",
    "aws-eu-west-1": "IE", "aws-eu-west-2": "GB", "aws-eu-central-1": "DE", "aws-eu-central-2": "CH",
    "aws-us-east-1": "US", "aws-ap-southeast-2": "AU", "aws-ap-northeast-1": "JP",
    "azure-swedencentral": "SE", "azure-eastus": "US", "azure-norwayeast": "NO", "azure-westeurope": "NL",
    "azure-uksouth": "GB", "azure-switzerlandnorth": "CH", "azure-francecentral": "FR", "azure-australiaeast": "AU",
    "gcp-europe-west4": "NL", "gcp-europe-west2": "GB", "gcp-europe-west6": "CH", "gcp-us-central1": "US",
}

# What x-ms-region says, in both of its spellings.
AZURE_NAMES = {
    "Sweden Central": "azure-swedencentral", "swedencentral": "azure-swedencentral",
    "East US": "azure-eastus", "eastus": "azure-eastus",
    "Norway East": "azure-norwayeast", "West Europe": "azure-westeurope", "westeurope": "azure-westeurope",
    "UK South": "azure-uksouth", "Switzerland North": "azure-switzerlandnorth",
    "France Central": "azure-francecentral", "Australia East": "azure-australiaeast",
}

ZONES = {
    "eu": EU,
    "eea": EU + ["IS", "LI", "NO"],
    "efta": ["CH", "IS", "LI", "NO"],
    "eu-efta": EU + ["CH", "IS", "LI", "NO"],
    "eea-uk-ch": EU + ["IS", "LI", "NO", "GB", "CH"],
    "uk": ["GB"],
    "us": ["US"],
    "au": ["AU"],
    "anz": ["AU", "NZ"],
    "nordics": ["DK", "FI", "IS", "NO", "SE"],
    "benelux": ["BE", "LU", "NL"],
    "dach": ["AT", "CH", "DE"],
    "iberia": ["ES", "PT"],
    "baltics": ["EE", "LT", "LV"],
    "datazone-eu": EU,
    "datazone-us": ["US"],
    "bedrock-eu": EU + ["CH", "GB"],
    "world": COUNTRIES,
    "global": COUNTRIES,
}

# Inference profiles: what a resolved upstream model's first part means.
PROFILES = {"eu": "bedrock-eu", "us": "us", "us-gov": "us", "jp": "JP", "au": "au", "global": "world"}


class UnknownPlace(Exception):
    pass


@dataclass(frozen=True)
class Rule:
    """A compiled rule: what inference may use, and where a gateway may stand."""
    inference: int
    gateway: int
    primary: str = None
    secondary: str = None


class Places:
    """The names that one configuration knows: the built-in ones and its own."""

    def __init__(self, regions=None, zones=None):
        self.regions = {**REGIONS, **(regions or {})}
        names = list(self.regions) + [f"elsewhere in {c}" for c in COUNTRIES] + ["unknown"]
        self.bit = {name: 1 << i for i, name in enumerate(names)}
        self.unknown = self.bit["unknown"]
        self.named = (1 << len(names)) - 1 - self.unknown
        self.country = {c: self.bit[f"elsewhere in {c}"] for c in COUNTRIES}
        for code, country in self.regions.items():
            self.country[country] |= self.bit[code]
        self.zones = {name: self._union(countries) for name, countries in ZONES.items()}
        for name, members in (zones or {}).items():
            self.zones[name] = 0
            for member in members:
                self.zones[name] |= self.resolve(member)

    def _union(self, countries):
        bits = 0
        for c in countries:
            bits |= self.country[c]
        return bits

    def resolve(self, name):
        """The set that a name stands for: a region code, a zone, a country, in this order, in either case."""
        low = name.lower()
        if low in self.regions:
            return self.bit[low]
        if low in self.zones:
            return self.zones[low]
        if name.upper() in self.country:
            return self.country[name.upper()]
        raise UnknownPlace(name)

    def is_region(self, name):
        return name.lower() in self.regions

    def union(self, names):
        bits = 0
        for name in [names] if isinstance(names, str) else names:
            bits |= self.resolve(name)
        return bits

    def compile(self, rule):
        """A rule in any of its forms: a place, a list, a mapping."""
        if isinstance(rule, (str, list)):
            rule = {"allow": rule}
        if "primary" in rule:
            secondary = rule.get("secondary")
            bits = self.resolve(rule["primary"]) | (self.resolve(secondary) if secondary else 0)
            return Rule(bits, bits, rule["primary"].lower(), secondary.lower() if secondary else None)
        allowed = self.union(rule["allow"]) if "allow" in rule else self.named
        allowed &= ~self.union(rule.get("exclude", []))
        return Rule(allowed, allowed | self.union(rule.get("transit", [])))
