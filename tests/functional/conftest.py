import pytest
from world import VETTED_REGIONS, Gateway, Sim, config_of, endpoint


@pytest.fixture
def sim(tmp_path):
    """The eight regions of the default order, simulated."""
    s = Sim(tmp_path, VETTED_REGIONS, "--model", "mistral-medium-3")
    yield s
    s.stop()


@pytest.fixture
def vetted(tmp_path, sim):
    """A gateway in front of them, for one model."""
    entries = [endpoint("mistral-medium-3", sim, region) for region in VETTED_REGIONS]
    g = Gateway(tmp_path, config_of(entries, "gateway: {region: scaleway-par-1}\n"))
    yield g
    g.stop()
