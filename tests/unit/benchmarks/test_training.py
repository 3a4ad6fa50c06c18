import pytest

from benchmarks.training import TINY, Measured, flops_per_token, print_whole_runs


def test_training_all_of_a_model_costs_six_times_its_parameters_and_attention() -> None:
    shape = {"num_hidden_layers": 3, "num_attention_heads": 4, "head_dim": 5}

    assert flops_per_token(1000, 1000, shape, tokens=7) == 6 * 1000 + 12 * 3 * 4 * 5 * 7


def test_frozen_parameters_cost_no_gradient_of_their_own() -> None:
    whole, adapter = (flops_per_token(1000, trained, TINY, 7) for trained in (1000, 10))

    assert whole - adapter == 2 * 990


def test_the_table_says_medians_and_their_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    ours = [Measured(whole, 1.0, 20, 0) for whole in (2.0, 3.0, 90.0)]
    theirs = [Measured(6.0, 2.0, 20, 0)] * 3

    print_whole_runs(ours, theirs)

    said = capsys.readouterr().out
    assert "| end to end | 3.00 s | 6.00 s | 0.50 | ≤ 0.6 |" in said
    assert "| steps/s | 20.0 | 10.0 | 2.00 | ≥ 1.0 |" in said
