"""Two processes that write one store: one writes, the other is told so, and the store is always whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from s2m.data.store import FrameStore

_WRITER = """
import sys, time
from s2m.data.store import StoreError, store_fields
from s2m.data.store_writer import StoreWriter, open_for_writing

done, number = 0, int(sys.argv[2])
while done < 8:
    try:
        with StoreWriter(sys.argv[1]) as writer:
            fields = store_fields(27, None)
            writer.create("train", 5, fields)
            for field in fields:
                open_for_writing(writer.folder, "train", field)[...] = number
            writer.commit({"joint_set": "s2m27", "mask_size": 112, "image_size": 1000, "number": number})
        done += 1
    except StoreError as error:
        assert "another process is writing this store" in str(error), error
        time.sleep(0.001)
"""


def test_two_processes_write_one_store(tmp_path: Path) -> None:
    store = tmp_path / "store"
    runs = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(store), str(number)], stderr=subprocess.PIPE, text=True)
        for number in (1, 2)
    ]
    assert [run.communicate()[1] for run in runs] == ["", ""]
    written = FrameStore(store)
    written.verify("train")
    values = {float(array.flat[0]) for array in written.open("train").observation.values()}
    assert values == {float(written.header["number"])}
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
