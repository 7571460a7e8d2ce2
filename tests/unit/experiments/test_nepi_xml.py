"""What NEPI saved is read, and nothing in it is executed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from headrace.experiments import ResourceAction, ResourceState
from headrace.experiments.errors import DescriptionError
from headrace.experiments.nepi_xml import read_nepi_xml
from headrace.experiments.notation import read_description

if TYPE_CHECKING:
    from pathlib import Path

R = ResourceState


def saved(conditions: str = "", rm: str = "", exp_id: str = "demo") -> str:
    """A file of two resources, the second of which has conditions."""
    return f"""<?xml version="1.0" ?>
<experiment exp_id="{exp_id}" run_id="20140101000000000000" nthreads="20" local_dir="/tmp">
  <topology topo-type="star"/>
  <rms>
    <rm guid="1" rtype="linux::Node" {rm}>
      <attributes>
        <attribute name="hostname" type="string" value="node1"/>
        <attribute name="cleanHome" type="bool" value="True"/>
        <attribute name="port" type="integer" value="22"/>
        <attribute name="load" type="float" value="0.5"/>
      </attributes>
      <connections><connection guid="2"/></connections>
      <conditions/>
      <traces/>
    </rm>
    <rm guid="2" rtype="linux::Application">
      <attributes><attribute name="command" type="string" value="a&#10;b"/></attributes>
      <connections><connection guid="1"/></connections>
      <conditions>{conditions}</conditions>
      <traces><trace name="stdout"/></traces>
    </rm>
  </rms>
</experiment>
"""


def condition(action: str = "1", group: str = "[1]", state: str = "4", time: str = "2s") -> str:
    return f'<condition action="{action}" group="{group}" state="{state}" time="{time}"/>'


def test_resources_are_read_with_all_that_is_between_them(tmp_path: Path) -> None:
    path = tmp_path / "saved.xml"
    path.write_text(saved(condition()))
    found = read_description(path)
    node, application = found.resources
    assert found.exp_id == "demo"
    assert node.attributes == {"hostname": "node1", "cleanHome": True, "port": 22, "load": 0.5}
    assert application.attributes == {"command": "a\nb"}
    assert application.traces == ("stdout",)
    assert found.connections == ((1, 2),)
    (one,) = application.conditions
    assert (one.action, one.group, one.state, one.delay) == (ResourceAction.START, (1,), R.STARTED, 2.0)


@pytest.mark.parametrize("group", ["[1]", "(1,)", "1", "[1, 1]", "{1}", " [ 1 ] "])
def test_a_group_is_a_list_of_numbers_however_it_was_written(group: str) -> None:
    (one,) = read_nepi_xml(saved(condition(group=group)), "x").resources[1].conditions
    assert one.group == (1,)


@pytest.mark.parametrize("time", ["", "None"])
def test_no_delay_is_none(time: str) -> None:
    (one,) = read_nepi_xml(saved(condition(time=time)), "x").resources[1].conditions
    assert one.delay == 0


@pytest.mark.parametrize(
    ("rm", "state"),
    [
        ('state="0"', R.STARTED),
        ('state="4" discover_time="1" start_time="2"', R.STARTED),
        ('state="5" discover_time="1" start_time="2"', R.READY),
        ('state="7" start_time="2" release_time="3"', R.STARTED),
        ('state="8" start_time="2" release_time="3"', R.READY),
        ('state="2" reserved_time="2"', R.READY),
    ],
)
def test_the_resources_tell_what_the_numbers_of_states_mean(rm: str, state: ResourceState) -> None:
    (one,) = read_nepi_xml(saved(condition(), rm), "x").resources[1].conditions
    assert one.state is state


def test_numbers_that_nothing_tells_the_meaning_of_are_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read_nepi_xml(saved(condition()), "old.xml")
    assert "old.xml: the states in its conditions are numbers" in caplog.text


def test_names_of_states_need_no_numbers(caplog: pytest.LogCaptureFixture) -> None:
    (one,) = read_nepi_xml(saved(condition("STOP", state="FAILED")), "x").resources[1].conditions
    assert (one.action, one.state) == (ResourceAction.STOP, R.FAILED)
    assert caplog.text == ""


def test_a_name_that_no_folder_can_have_is_left_out() -> None:
    assert read_nepi_xml(saved(exp_id="my experiment"), "x").exp_id == ""


BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<experiment exp_id="&b;"><rms/></experiment>
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "line 2: a document type declaration could define entities"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><experiment/>', "document type declaration"),
        ("<other/>", r"line 1, <other>: NEPI's files begin with <experiment>"),
        ("<experiment>", "this is no XML: no element found"),
        ("", "this is no XML"),
        (saved(condition(group="__import__('os').getpid()")), "line 19, <condition>: its group is"),
        (saved(condition(group="[7]")), "there is no resource 7 in it"),
        (saved(condition(state="99")), "no state or action '99'"),
        (saved(condition(time="soon")), "'soon' is no time span"),
        (saved().replace('guid="2" rtype', 'guid="1" rtype'), "two resources have the same guid"),
        (saved().replace('guid="2" rtype', 'guid="x" rtype'), "its guid is 'x', and should be a whole number"),
        (saved().replace('rtype="linux::Node"', ""), "<rm>: it has no 'rtype'"),
        (saved().replace('value="22"', 'value="many"'), "its value is 'many', and should be of type integer"),
        (saved().replace('value="True"', 'value="banana"'), "its value is 'banana', and should be of type bool"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text: str, message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        read_nepi_xml(text, "bad.xml")
