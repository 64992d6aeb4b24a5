"""The installed names are ours: no other distribution ships a bot, rag or vectorstore package."""

import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import bot
import rag
import vectorstore

REPOSITORY = Path(__file__).parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize("package", [bot, rag, vectorstore], ids=lambda package: package.__name__)
def test_the_package_is_the_one_of_this_checkout(package: object) -> None:
    assert Path(str(getattr(package, "__file__", ""))).is_relative_to(REPOSITORY)


@pytest.mark.parametrize("name", ["bot", "rag", "vectorstore"])
def test_no_other_distribution_ships_a_package_of_this_name(name: str) -> None:
    assert set(packages_distributions().get(name, ["dateline"])) == {"dateline"}


def test_discord_is_the_library_and_not_our_own_package() -> None:
    """bot/discord/ hides discord.py from a script that is run from inside bot/, and from nothing else."""
    import discord

    import bot.discord

    assert discord.version_info >= (2, 7)
    assert Path(str(bot.discord.__file__)).is_relative_to(REPOSITORY / "bot")
    assert not Path(str(discord.__file__)).is_relative_to(REPOSITORY / "bot")


def test_the_wheel_holds_the_three_packages_and_the_seeds() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["bot", "rag", "vectorstore"]
    assert wheel["force-include"] == {"seeds": "rag/seeds"}


def test_the_constraints_pin_every_direct_dependency() -> None:
    pins = {
        line.split("==")[0] for line in (REPOSITORY / "constraints.txt").read_text("utf-8").splitlines() if "==" in line
    }
    extras = PROJECT["project"]["optional-dependencies"]
    for requirement in [*PROJECT["project"]["dependencies"], *extras["mcp"], *extras["postgres"]]:
        name = requirement.split(">")[0].split("=")[0].split("[")[0].strip().lower().replace("_", "-").replace(".", "-")
        assert name in pins, f"{name} is not pinned in constraints.txt"
