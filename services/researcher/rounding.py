"""Numbers a person would write: 0.00042 and 3, not 0.000421693 and 3.07."""

from services.researcher.factors import Factor, Value


def rounded(factor: Factor, value: Value) -> Value:
    """Return a value of a log-scale factor within its range, to two significant digits.

    Epochs are whole: a fraction would show some rows once more than others. Values of ladders and
    choices are returned as they are.
    """
    if factor.scale != "log":
        return value
    low, high = float(factor.values[0]), float(factor.values[1])
    within = min(max(float(value), low), high)
    if factor.name == "num_train_epochs":
        return float(round(within))
    return float(f"{within:.2g}")
