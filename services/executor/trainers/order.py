"""The order in which samples are trained on: a curriculum's, or drawn from seed and epoch alone."""

from collections.abc import Iterator
from typing import Any

import torch
from datasets import Dataset
from transformers import Trainer
from transformers.trainer_pt_utils import LengthGroupedSampler


class Ordered(Trainer):
    """Draws the order of each epoch from the seed and the epoch's number alone.

    What has been trained before does not matter then, so a resumed run reads what it would have.
    Samples of about one length stand together: that pads less, and batches still come at random.
    The very longest come first: whether memory suffices shows at the first step.

    With ``train_sampling_strategy: sequential`` the first epoch keeps the order of the samples; see
    `shared.contracts.operators.Curriculum`. Later epochs are drawn all the same.

    The training data has a column ``tokens``, how long each sample is.
    """

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> LengthGroupedSampler:
        trainer = self

        class Order(LengthGroupedSampler):
            def __iter__(self) -> Iterator[int]:
                epoch = int((trainer.state.epoch or 0.0) + 1e-6)
                if epoch == 0 and trainer.args.train_sampling_strategy == "sequential":
                    return iter(range(len(self)))
                seed = trainer.args.seed * 1_000_003 + epoch
                self.generator = torch.Generator().manual_seed(seed)
                order: Iterator[int] = super().__iter__()
                return order

        # Not of the rows handed over, which have lost what is not for the model.
        rows: Any = self.train_dataset
        batch = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return Order(batch, lengths=rows["tokens"][:])
