import tomllib
from pathlib import Path

import pytest

from fl_chain.chain.compiler import read_sources
from scripts.measure_conditions import ROOT, parse
from scripts.mutant_sources import LIBRARY, Mutant
from scripts.mutant_tests import (
    FAST_IR,
    LEGACY,
    compile_sources,
    created_contracts,
    read_tests,
    rewrite_tests,
)
from scripts.mutants import make_schema
from scripts.mutate_contracts import ACCEPTED, main, read_accepted

SOURCE = """\
// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;
contract Tiny {
    uint32 private constant MOST = 7;
    uint32 public total;
    bool public isOpen = true;

    error TooMuch();

    function take(uint32 amount) external {
        if (amount > MOST && isOpen) revert TooMuch();
        total += amount - 1;
        assembly ("memory-safe") {
            sstore(9, 0x20)
        }
    }

    function half(bytes32 digest) external pure returns (bool) {
        return digest != 0;
    }
}
"""

EXPECTED = """\
4 Tiny.: uint32 private constant MOST = 7[ → ^ 1]
6 Tiny.: bool public isOpen = [true → false]
11 Tiny.take: if ([amount > MOST && isOpen → !(amount > MOST && isOpen)])
11 Tiny.take: if (amount > MOST [&& → ||] isOpen)
11 Tiny.take: if ([amount > MOST → true] && isOpen)
11 Tiny.take: if (amount > MOST && [isOpen → true])
11 Tiny.take: if (amount [> → >=] MOST && isOpen)
11 Tiny.take: if (amount [> → <=] MOST && isOpen)
11 Tiny.take: [without: revert TooMuch()]
12 Tiny.take: [without: total += amount - 1]
12 Tiny.take: total [+= → -=] amount - 1
12 Tiny.take: total += amount [- → +] 1
12 Tiny.take: total += amount - [1 → 0]
14 Tiny.take: [without: sstore(9, 0x20)]
14 Tiny.take: sstore([9 → 10], 0x20)
14 Tiny.take: sstore(9, [0x20 → 33])
19 Tiny.half: return digest [!= → ==] 0
19 Tiny.half: return digest != [0 → 1]
"""


def tell(mutant: Mutant) -> str:
    return f"{mutant.line} {mutant.key}"


def test_every_place_of_a_contract_has_the_mutants_of_its_kind() -> None:
    sources = {"contracts/Tiny.sol": SOURCE}
    mutants = make_schema(sources, parse(sources)).mutants
    assert "".join(f"{tell(mutant)}\n" for mutant in mutants) == EXPECTED
    assert [mutant.number for mutant in mutants] == list(range(1, len(mutants) + 1))


def test_one_set_of_sources_compiles_with_all_mutants_in_it() -> None:
    sources = {"contracts/Tiny.sol": SOURCE}
    schema = make_schema(sources, parse(sources))
    assert set(schema.sources) == {"contracts/Tiny.sol", LIBRARY}
    output, blamed = compile_sources(schema.sources, FAST_IR, ["contracts/Tiny.sol"])
    assert blamed == set()
    assert output["contracts"]["contracts/Tiny.sol"]["Tiny"]["evm"]["bytecode"]["object"]
    # With no mutant picked, each choice is the original.
    assert (
        "Mutants.gt_uint256(7, amount, (Mutants.on(1) ? MOST ^ 1 : MOST))"
        in (schema.sources["contracts/Tiny.sol"])
    )


def test_what_does_not_compile_is_left_out_and_the_others_keep_their_numbers() -> None:
    sources = {"contracts/Tiny.sol": SOURCE}
    trees = parse(sources)
    whole, rest = make_schema(sources, trees), make_schema(sources, trees, {7, 13})
    # 7 and 8 are one call.
    assert [mutant.number for mutant in rest.left_out] == [7, 8, 13]
    assert rest.mutants == [mutant for mutant in whole.mutants if mutant.number not in {7, 8, 13}]
    assert "gt_uint256" not in rest.sources["contracts/Tiny.sol"]


def test_a_pointer_into_calldata_stays_assigned() -> None:
    pointing = SOURCE.replace(
        "function half(",
        """function split(bytes calldata data) private pure returns (Two calldata two, uint one) {
        assembly {
            two := data.offset
            one := calldataload(data.offset)
        }
    }

    struct Two {
        uint256 first;
        uint256 second;
    }

    function half(""",
    )
    sources = {"contracts/Tiny.sol": pointing}
    schema = make_schema(sources, parse(sources))
    changes = [mutant.change for mutant in schema.mutants if mutant.function == "split"]
    assert changes == ["[without: one := calldataload(data.offset)]"]
    _, blamed = compile_sources(schema.sources, FAST_IR, ["contracts/Tiny.sol"])
    assert blamed == set()


def test_a_signed_variable_has_a_choice_of_its_own_type() -> None:
    signed = SOURCE.replace("total += amount", "int256 sum = 0; sum += 1; total += amount")
    sources = {"contracts/Tiny.sol": signed}
    schema = make_schema(sources, parse(sources))
    assert "int256 sum = [0 → 1]" in [mutant.change for mutant in schema.mutants]
    _, blamed = compile_sources(schema.sources, FAST_IR, ["contracts/Tiny.sol"])
    assert blamed == set()


def test_an_error_of_the_compiler_names_the_mutants_that_it_is_about() -> None:
    sources = {"contracts/Tiny.sol": SOURCE}
    schema = make_schema(sources, parse(sources))
    text = schema.sources["contracts/Tiny.sol"]
    broken = text.replace(
        "amount, (Mutants.on(1) ? MOST ^ 1 : MOST)", "amount, (Mutants.on(1) ? MOST ^ 1 : true)"
    )
    _, blamed = compile_sources(
        {**schema.sources, "contracts/Tiny.sol": broken}, FAST_IR, ["contracts/Tiny.sol"]
    )
    assert blamed == {1}


def test_equal_changes_in_one_function_have_different_names() -> None:
    twice = SOURCE.replace(
        "isOpen) revert TooMuch();", "isOpen) revert TooMuch();\n{ total = 3; total = 3; }"
    )
    sources = {"contracts/Tiny.sol": twice}
    keys = [mutant.key for mutant in make_schema(sources, parse(sources)).mutants]
    assert "Tiny.take: [without: total = 3]" in keys
    assert "Tiny.take: [without: total = 3] #2" in keys
    assert len(set(keys)) == len(keys)


def test_the_contract_tests_compile_as_they_are_rewritten() -> None:
    contracts, tests = read_sources(ROOT), read_tests()
    trees = parse({**contracts, **tests})
    created = created_contracts(trees, tests)
    assert "RoundLedger" in created
    rewritten = rewrite_tests(tests, trees, dict.fromkeys(created, 0xC0DE0000))
    output, _ = compile_sources({**contracts, **rewritten}, LEGACY, [])
    assert output["errors"] == []


def test_accepted_mutants_exist_and_say_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["mutate_contracts.py", "--list"])
    assert main() == 0
    listed = {line.split(": ", 1)[1] for line in capsys.readouterr().out.splitlines()}
    accepted = read_accepted(ACCEPTED)
    assert accepted.keys() <= listed
    assert all(reason.endswith(".") for reason in accepted.values())


@pytest.mark.parametrize(
    "text",
    [
        '[[accepted]]\ncontract = "A"\nfunction = "f"\nchanges = ["x"]\nreason = ""\n',
        '[[accepted]]\ncontract = "A"\nfunction = "f"\nchanges = ["x"]\n',
        '[[accepted]]\ncontract = "A"\nfunction = "f"\nchanges = ["x", "x"]\nreason = "y"\n',
    ],
)
def test_an_entry_without_a_reason_or_given_twice_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "accepted.toml"
    path.write_text(text, encoding="utf-8")
    tomllib.loads(text)
    with pytest.raises(ValueError, match=r"accepted\.toml"):
        read_accepted(path)
