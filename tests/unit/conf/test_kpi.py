"""KPI of the year are data: what they count is a product of the catalogue, or a named series."""

import pytest
from pydantic import ValidationError

from conf.kpi import Kpi


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"series": "PRODUCT_HOLDERS", "product_id": "NO_SUCH_PRODUCT"}, "wanted one of conf/products.yaml"),
        ({"series": "PRODUCT_HOLDERS"}, "product_id for PRODUCT_HOLDERS"),
        ({"series": "CRBT_PAYING"}, "product_id for PRODUCT_HOLDERS and CRBT_PAYING"),
        ({"series": "CRBT_DOWNLOADERS", "product_id": "CRBT"}, "product_id for PRODUCT_HOLDERS"),
    ],
)
def test_kpi_is_refused_given_product_that_does_not_fit(given, found):
    with pytest.raises(ValidationError, match=found):
        Kpi(kpi="K", title="k", measure="closing", users=100, **given)
