"""A card for people: everything in it is told, within a terminal's width, as a table where it fits."""

from dataclasses import replace

from click.testing import CliRunner

from lczmap.cli.card import WIDTH, card_lines
from lczmap.cli.lists import models
from lczmap.testing.fakes import fake_card
from lczmap.weights import shipped_cards
from lczmap.words.modelcard import MetricTable, ModelCard


def told(*tables: MetricTable) -> list[str]:
    return list(card_lines(replace(fake_card(), metrics=tables)))


def test_every_shipped_card_is_told_whole() -> None:
    for card in shipped_cards():
        lines = list(card_lines(card))
        assert max(map(len, lines)) <= WIDTH
        text = " ".join(" ".join(lines).split())
        assert all(sentence in text for sentence in (*card.limits, *card.training, *card.attribution))
        assert all(row in text for table in card.metrics for row in table.rows if len(row) < 40)


def test_figures_stand_under_their_names_and_what_is_missing_is_blank() -> None:
    table = MetricTable(heading="figures", rows={"here": {"a": 1, "c": 0.5}, "there": {"a": 20, "b_b": 3, "c": 4}})
    assert table.columns == ("a", "b_b", "c")
    assert told(table)[-4:] == ["Figures", "          a  b b    c", "  here    1       0.5", "  there  20    3    4"]


def test_long_names_are_folded_and_many_columns_are_told_in_running_text() -> None:
    long = "a place whose name is longer than a line is wide, for nobody has ever thought of a shorter one, sadly"
    folded = told(MetricTable(heading="figures", rows={long: {"share": 0.25}}))
    assert max(map(len, folded)) <= WIDTH
    assert folded[-1].endswith("  0.25")
    many = {f"figure_number_{index}": index for index in range(9)}
    running = told(MetricTable(heading="figures", rows={long: many}))
    assert max(map(len, running)) <= WIDTH
    assert "figure number 8 8" in " ".join(" ".join(running).split())


def test_domain_is_told_where_there_is_one() -> None:
    card: ModelCard = replace(fake_card(), domain="Far from what it learned.", domain_directions=3)
    assert "  - Far from what it learned." in list(card_lines(card))
    assert "Out of domain" not in told()


def test_machines_get_the_card_as_one_object() -> None:
    name = shipped_cards()[0].name
    lines = CliRunner().invoke(models, [name, "--json"]).output.splitlines()
    assert len(lines) == 1
    assert f'"name": "{name}"' in lines[0]
    assert CliRunner().invoke(models, [name]).output.startswith(f"{name}: ")
