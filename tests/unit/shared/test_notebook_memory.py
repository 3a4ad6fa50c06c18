import pytest

from shared.notebook import Notebook
from shared.notebook_memory import MemoryNotebook
from tests.suites.notebook import NotebookSuite


class TestMemoryNotebook(NotebookSuite):
    @pytest.fixture
    def notebook(self) -> Notebook:
        return MemoryNotebook()
