"""KPI of the year are data: what they count is a product of the catalogue, or a named series."""

import pytest
from pydantic import ValidationError

from conf.kpi import Kpi


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"series": "PRODUCT_HOLDERS", "product_id": "NO_SUCH_PRODUCT"}, "wanted one of conf/products.yaml"),
        ({"series": "PRODUCT_HOLDERS"}, "product_id for PRODUCT_HOLDERS"),
        ({"series": "PAYING_HOLDERS"}, "product_id for PRODUCT_HOLDERS and PAYING_HOLDERS"),
        ({"series": "PAYING_HOLDERS", "product_id": "NEWSPAPER"}, "is for CRBT, whose trials are known"),
        ({"series": "USERS"}, "use for USERS"),
        ({"series": "USERS", "use": "DATA"}, "wanted one of .*TONE_DOWNLOAD"),
        ({"series": "USERS", "use": "TONE_DOWNLOAD", "product_id": "CRBT"}, "product_id for PRODUCT_HOLDERS"),
    ],
)
def test_kpi_is_refused_given_product_that_does_not_fit(given, found):
    with pytest.raises(ValidationError, match=found):
        Kpi(kpi="K", title="k", measure="closing", users=100, **given)
