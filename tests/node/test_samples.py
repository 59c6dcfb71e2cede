from datetime import UTC, datetime, timedelta

from node.collector import Sample
from node.samples import SampleTable

AT = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def usage(mount: str, value: float) -> Sample:
    return Sample("etlmon_fs_used_bytes", value, {"mount": mount, "device": "sda"})


def test_a_sample_is_found_by_its_labels_in_whatever_order() -> None:
    table = SampleTable()
    table.replace("fs", [usage("/", 5.0)], AT)
    found = table.find("etlmon_fs_used_bytes", {"device": "sda", "mount": "/"})
    assert found is not None
    assert (found.value, found.at, found.labels) == (5.0, AT, (("device", "sda"), ("mount", "/")))
    assert table.find("etlmon_fs_used_bytes", {"mount": "/"}) is None
    assert table.find("etlmon_fs_free_bytes", {"mount": "/", "device": "sda"}) is None


def test_what_a_run_no_longer_states_is_gone_and_the_rest_is_newer() -> None:
    table = SampleTable()
    table.replace("fs", [usage("/", 1), usage("/usb", 2)], AT)
    table.replace("fs", [usage("/", 3)], AT + timedelta(seconds=15))
    assert [(stated.value, stated.at) for stated in table] == [(3, AT + timedelta(seconds=15))]


def test_an_owner_replaces_nothing_of_another() -> None:
    table = SampleTable()
    table.replace("paths:/a", [Sample("etlmon_path_files", 1, {"path": "/a"})], AT)
    table.replace("paths:/b", [Sample("etlmon_path_files", 2, {"path": "/b"})], AT)
    table.replace("paths:/a", [], AT)
    assert [stated.value for stated in table] == [2]
    table.remove("paths:/b")
    table.remove("paths:/b")
    assert len(table) == 0


def test_the_samples_of_one_name_stand_together_in_a_lasting_order() -> None:
    table = SampleTable()
    table.replace("two", [Sample("b", 1, {"x": "2"}), Sample("a", 1)], AT)
    table.replace("one", [Sample("b", 1, {"x": "1"}), Sample("c", 1)], AT)
    assert [(stated.name, stated.labels) for stated in table] == [
        ("a", ()),
        ("b", (("x", "1"),)),
        ("b", (("x", "2"),)),
        ("c", ()),
    ]


def test_a_number_stated_twice_in_one_run_is_the_later_one() -> None:
    table = SampleTable()
    table.replace("one", [Sample("etlmon_test", 1), Sample("etlmon_test", 2)], AT)
    assert [stated.value for stated in table] == [2]


def test_what_cannot_be_measured_is_known_until_its_owner_speaks_again() -> None:
    table = SampleTable()
    table.replace("fs", [usage("/", 1)], AT, [{"mount": "/nas"}])
    assert table.unmeasured == {"fs": [{"mount": "/nas"}]}
    table.replace("fs", [usage("/", 1), usage("/nas", 1)], AT)
    assert not table.unmeasured["fs"]
    table.remove("fs")
    assert table.unmeasured == {}


def test_a_number_says_who_stated_it() -> None:
    table = SampleTable()
    table.replace("fs", [Sample("etlmon_fs_up", 1.0, {"mount": "/"})], AT)
    assert [stated.owner for stated in table] == ["fs"]


def test_a_listener_hears_all_that_an_owner_states_each_time_it_does() -> None:
    table, heard = SampleTable(), list[tuple[list[float], datetime]]()
    table.replace("fs", [usage("/", 1)], AT)
    table.listen(lambda stated, at: heard.append(([one.value for one in stated], at)))
    later = AT + timedelta(seconds=15)
    table.replace("fs", [usage("/", 2), usage("/usb", 3)], AT)
    table.replace("fs", [usage("/", 2), usage("/", 4)], later)
    table.remove("fs")
    assert heard == [([2, 3], AT), ([4], later)]
