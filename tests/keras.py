"""A teacher on disk, as the published So2Sat GUL file is laid out."""

from pathlib import Path

import h5py

from lczmap.train.teacher import Teacher


def write_keras(teacher: Teacher, path: Path) -> None:
    """Write a teacher in the layout of the published file."""
    norms = [teacher.stem_norm]
    convolutions = [teacher.stem]
    for block in teacher.blocks:
        convolutions += [block.conv1, block.conv2, block.conv3, *([block.project] if block.project else [])]
        norms += [*([block.norm1] if block.norm1 else []), block.norm2, block.norm3]
    with h5py.File(path, "w") as file:
        for index, layer in enumerate(convolutions, start=1):
            group = file.create_group(f"model_weights/conv2d_{index}/conv2d_{index}")
            group["kernel:0"] = layer.weight.detach().permute(2, 3, 1, 0).numpy()
            group["bias:0"] = layer.bias.detach().numpy()
        for index, norm in enumerate([*norms, teacher.norm], start=1):
            group = file.create_group(f"model_weights/batch_normalization_{index}/batch_normalization_{index}")
            for name, value in (
                ("gamma", norm.weight),
                ("beta", norm.bias),
                ("moving_mean", norm.running_mean),
                ("moving_variance", norm.running_var),
            ):
                group[f"{name}:0"] = value.detach().numpy()
        group = file.create_group("model_weights/dense_1/dense_1")
        group["kernel:0"] = teacher.dense.weight.detach().T.numpy()
        group["bias:0"] = teacher.dense.bias.detach().numpy()
