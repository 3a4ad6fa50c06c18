from shared.telemetry.gpus import Gpu, read_gpus


def test_a_line_of_nvidia_smi_is_a_gpu_its_bytes_and_how_busy_it_is() -> None:
    assert read_gpus("0, 1024, 37\n1, 0, 0\n") == [Gpu("0", 2**30, 0.37), Gpu("1", 0, 0.0)]


def test_what_a_gpu_does_not_say_is_not_known() -> None:
    assert read_gpus("0, 512, [N/A]\n1, [N/A], [N/A]\n") == [Gpu("0", 2**29, None)]
