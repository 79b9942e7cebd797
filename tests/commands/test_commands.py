"""Commands of everybody, and what is said about those that are wrong."""

import re

import pytest

from tests.conftest import StartServer
from tests.harness import PASSWORD, Peer, ServerProcess

EVERYBODY = (
    "archive",
    "audit",
    "busy",
    "changepassword",
    "claim",
    "context",
    "create",
    "delete",
    "deleteaccount",
    "deleteroom",
    "disconnect",
    "export",
    "free",
    "help",
    "history",
    "ignore",
    "invite",
    "join",
    "leave",
    "lift",
    "mail",
    "me",
    "members",
    "messageto",
    "moderator",
    "motd",
    "private",
    "public",
    "query",
    "remove",
    "renameroom",
    "reply",
    "report",
    "room",
    "roomban",
    "roominfo",
    "roommute",
    "rooms",
    "rules",
    "sanctions",
    "search",
    "sessions",
    "slow",
    "talk",
    "topic",
    "transfer",
    "unarchive",
    "undo",
    "unignore",
    "uninvite",
    "unmoderator",
    "unread",
    "unroomban",
    "unroommute",
    "viewusers",
    "who",
    "whois",
)
SUPERUSERS = (
    "announce",
    "ban",
    "bans",
    "changegrant",
    "invite-code",
    "invite-codes",
    "kickuser",
    "lockdown",
    "mute",
    "nodes",
    "purge",
    "reset-code",
    "restart",
    "revoke-code",
    "unban",
    "unkickuser",
    "unmute",
    "viewkickusers",
)


def row_of(peer: Peer, name: str) -> list[str]:
    """Return the row of somebody in /viewusers, in words."""
    rows = [line.split() for line in peer.answer_to("/viewusers").splitlines()]
    (row,) = [row for row in rows if len(row) > 1 and row[1] == name and row[0].isdigit()]
    return row


# -- the table of commands -------------------------------------------------------------------


def test_help_shows_everybody_what_they_may_use(room: ServerProcess, boss: Peer) -> None:
    def listed(peer: Peer) -> list[str]:
        return re.findall(r"(?m)^/([\w-]+)", peer.answer_to("/help all"))

    assert listed(room.join("ann")) == list(EVERYBODY)
    assert listed(boss) == sorted(EVERYBODY + SUPERUSERS)


@pytest.mark.parametrize("name", SUPERUSERS)
def test_a_normal_user_is_refused_what_is_for_superusers(room: ServerProcess, name: str) -> None:
    ann = room.join("ann")
    for line in (
        f"/{name}",
        f"/{name} boss",
        f"/{name} boss 1",
        f"/help {name}",
        f"/{name.upper()}",
    ):
        assert f"/{name} is for superusers only.\n" in ann.answer_to(line)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("/bussy", "There is no command /bussy. Did you mean /busy? See /help all."),
        (
            "/tell otto hi",
            "There is no command /tell. Did you mean /messageto? See /help all.",
        ),
        (
            "/LOGOUT",
            "There is no command /logout. Did you mean /disconnect? See /help all.",
        ),
        (
            "/nick otto",
            "A name belongs to an account, so /nick changes nothing: ask the operator for another "
            "name.",
        ),
        ("/hlep me", "There is no command /hlep. Did you mean /help? See /help all."),
        ("/xyzzy", "There is no command /xyzzy. See /help all."),
        ("/", "There is no command /. See /help all."),
        ("/ help", "There is no command /. See /help all."),
        ("/messageto", "USER is missing. Type /messageto USER TEXT"),
        ("/messageto ann", "TEXT is missing. Type /messageto USER TEXT"),
        (
            "/messageto nobody hi",
            "There is nobody called 'nobody'. See /viewusers for who is here.",
        ),
        ("/viewusers all", "'all' is too much. Type /viewusers"),
        ("/help busy free", "'free' is too much. Type /help [command]"),
        ("/claim", "CODE is missing. Type /claim CODE"),
        ("/free now", "'now' is too much. Type /free"),
        ("/free", "You are free already. /busy holds messages back."),
        ("/help qqqq", "There is no command /qqqq. See /help all."),
    ],
)
def test_a_wrong_command_is_answered_with_one_sentence(
    room: ServerProcess, typed: str, sentence: str
) -> None:
    answer = room.join("ann").answer_to(typed)
    assert answer.splitlines()[0] == sentence


def test_where_no_number_is_taken_a_name_of_digits_is_a_name(
    room: ServerProcess, boss: Peer
) -> None:
    room.join("42").close()
    ann = room.join("ann")
    assert "You ignore 42 now." in ann.answer_to("/ignore 42")
    assert "You no longer ignore 42." in ann.answer_to("/unignore @42")
    assert "42 is a normal user" in ann.answer_to("/whois 42")
    assert "'501' must be a number from 1 to 500" in boss.answer_to("/audit 501")
    assert "did what" in boss.answer_to("/audit @boss 5")


@pytest.mark.parametrize("slip", ["2w", "1.5h", "1h30m", "30"])
def test_a_slip_in_a_length_of_time_is_never_a_reason(
    room: ServerProcess, boss: Peer, slip: str
) -> None:
    room.join("ann").close()
    for line in (
        *(f"/ban ann {slip}", f"/mute ann {slip}", f"/mute ann {slip} spam", f"/busy {slip}"),
        *(f"/busy {slip} lunch", f"/purge ann {slip}"),
        *([] if slip.isdigit() else [f"/invite-code {slip}"]),
    ):
        assert f"'{slip}' is not a length of time." in boss.answer_to(line), line


def test_long_words_are_refused_before_any_work_and_not_repeated(
    room: ServerProcess, boss: Peer
) -> None:
    for long in ("x" * 8000, "א" * 4000):
        for line in (
            *(f"/whois {long}", f"/messageto {long} hi", f"/ignore {long}", f"/join {long}"),
            *(f"/search x from {long}", f"/search x in {long}", f"/{long}", f"/help {long}"),
            *(f"/free {long}", f"/mail {long}", f"/history from {long}", f"/unban {long}"),
            *(f"/history before {long}", f"/changegrant boss {long}", f"/create {long}"),
        ):
            answer = boss.answer_to(line[:8000] if line.isascii() else line[:4090])
            assert len(answer.splitlines()[0]) < 200, line[:20]


def test_a_normal_user_is_not_led_to_what_is_for_superusers(room: ServerProcess) -> None:
    assert "/kickuser" not in room.join("ann").answer_to("/kickusr bob")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("/changegrant", "USER is missing. Type /changegrant USER 0|1"),
        ("/changegrant boss", "0|1 is missing. Type /changegrant USER 0|1"),
        ("/changegrant boss 2", "'2' must be 0 or 1. Type /changegrant USER 0|1"),
        ("/changegrant boss 0 1", "'1' is too much. Type /changegrant USER 0|1"),
        ("/changegrant boss 0", "boss is a superuser already."),
        ("/kickuser", "USER is missing. Type /kickuser USER [reason]"),
        ("/kickuser nobody", "There is nobody called 'nobody'. See /viewusers for who is here."),
        ("/kickuser boss", "You cannot kick yourself. /disconnect leaves the room."),
        ("/kickuser @BOSS", "You cannot kick yourself. /disconnect leaves the room."),
        ("/unkickuser boss", "boss is not kicked. See /viewkickusers."),
        ("/viewkickusers", "Nobody is kicked just now."),
        ("/kickusr boss", "There is no command /kickusr. Did you mean /kickuser"),
    ],
)
def test_a_wrong_command_of_a_superuser_is_answered_with_one_sentence(
    boss: Peer, typed: str, sentence: str
) -> None:
    assert boss.answer_to(typed).splitlines()[0].startswith(sentence)


def test_commands_and_names_may_be_typed_in_any_case_and_with_more_blanks(
    room: ServerProcess,
) -> None:
    ann, bob = room.join("ann2"), room.join("bob2")
    ann.send("  /MESSAGETO   @BOB2    two  words ")
    ann.until("ann2:   /MESSAGETO")  # a line that begins with a blank is a message
    ann.send("/MESSAGETO   @BOB2    two  words ")
    assert bob.until("private from").endswith("private from ann2: two  words\n")


def test_two_slashes_make_a_message_with_one(room: ServerProcess) -> None:
    ann = room.join("ann")
    ann.send("//help is not asked", "///")
    ann.until("ann: /help is not asked")
    ann.until_match(r"ann: //$")


def test_empty_lines_are_ignored(room: ServerProcess) -> None:
    ann = room.join("ann")
    ann.send("begin", "", "   ", "\t", "\x07", "end")
    ann.until("ann: begin")
    assert ann.until("ann: end").count("\n") == 1


def test_control_characters_are_taken_out_of_messages_and_arguments(room: ServerProcess) -> None:
    ann = room.join("ann")
    ann.send("a\x1b[31mred\x00\x7f\x85\u2028\u202eb\tc\rd")
    ann.until_match(r"ann: a\[31mredb\tcd$")
    ann.send("/busy \x1b[1mlunch", "/free")
    ann.until("You are busy ([1mlunch)")
    ann.until("You are free")


# -- who is here -----------------------------------------------------------------------------


def test_viewusers_shows_grant_sessions_idle_time_and_state(
    room: ServerProcess, boss: Peer
) -> None:
    dora = room.join("dora")
    assert row_of(boss, "boss")[2:] == ["0", "1", "0s", "free"]
    assert re.fullmatch(r"1 1 \d+s free", " ".join(row_of(boss, "dora")[2:]))
    second = room.join("dora")
    dora.answer_to("/busy at lunch")
    assert re.fullmatch(r"1 2 \d+s busy \(at lunch\)", " ".join(row_of(boss, "dora")[2:]))
    second.answer_to("/free")
    assert row_of(boss, "dora")[-1] == "free"
    head = boss.answer_to("/viewusers").splitlines()[0]
    assert head.split() == ["#", "user", "grant", "sessions", "idle", "state"]


def test_only_the_first_coming_and_the_last_leaving_are_announced(room: ServerProcess) -> None:
    watcher = room.join("watcher")
    first, second = room.join("emil"), room.join("emil")
    first.send("/disconnect")
    assert "Goodbye, emil." in first.until_end()
    assert row_of(watcher, "emil")[3] == "1"
    second.send("/disconnect")
    assert second.is_closed()
    watcher.until("emil has left")
    assert watcher.seen.count("emil has joined") == 1
    assert watcher.seen.count("emil has left") == 1


def test_a_session_that_breaks_off_has_left_like_any_other(room: ServerProcess) -> None:
    watcher, fred = room.join("watcher"), room.join("fred")
    fred.vanish()
    watcher.until("fred has left")


def test_disconnect_says_goodbye_and_ignores_what_comes_after(room: ServerProcess) -> None:
    watcher, gina = room.join("watcher"), room.join("gina")
    gina.send("/disconnect", "never said")
    assert gina.until_end().endswith("Goodbye, gina.\n")
    watcher.until("gina has left")
    assert "never said" not in watcher.seen


# -- private messages ------------------------------------------------------------------------


def test_a_private_message_comes_to_all_sessions_of_both_and_to_nobody_else(
    room: ServerProcess,
) -> None:
    hans, hans2, ida, ida2 = (room.join(n) for n in ("hans", "hans", "ida", "ida"))
    other = room.join("other")
    hans.send("/messageto ida do not tell")
    for peer in (ida, ida2):
        peer.until_match(r"^\d\d:\d\d [AP]M \| private from hans: do not tell$")
    for peer in (hans, hans2):
        peer.until_match(r"^\d\d:\d\d [AP]M \| private to ida: do not tell$")
    other.send("end")
    assert "do not tell" not in other.until("other: end")
    assert "do not tell" not in room.log()


def test_a_private_message_to_oneself_comes_once(room: ServerProcess) -> None:
    kai = room.join("kai")
    kai.send("/messageto kai remember")
    kai.until("private to kai: remember")
    assert "remember" not in kai.answer_to("/help busy")


# -- password and claim ----------------------------------------------------------------------


def test_a_changed_password_counts_from_then_on(room: ServerProcess) -> None:
    nina = room.join("nina")
    for line, question in (
        ("/changepassword", "Your old password"),
        (PASSWORD, "Choose a password"),
        ("another password", "The same password again"),
        ("another password", "Your password was changed"),
    ):
        nina.send(line)
        nina.until(question)
    peer = room.peer()
    peer.send("n", "nina", PASSWORD, "nina", "another password")
    peer.until("Unknown name or wrong password")
    peer.until("Welcome, nina")


@pytest.mark.parametrize(
    ("line", "answers", "sentence"),
    [
        ("/changepassword", ["wrong"], "That is not your password."),
        ("/changepassword", [PASSWORD, "short"], "A password has 8 to 1024 bytes"),
        ("/changepassword", [PASSWORD, "a new secret", "my secret"], "The two are not the same"),
        ("/deleteaccount", ["wrong"], "That is not your password."),
        ("/deleteaccount", [PASSWORD, "ottilie"], "That is not your user name."),
    ],
)
def test_a_wrong_answer_is_asked_again_and_an_empty_one_changes_nothing(
    room: ServerProcess, boss: Peer, line: str, answers: list[str], sentence: str
) -> None:
    otto, program = room.join("otto"), room.program_start()
    program.send_event("login", name="otto", password=PASSWORD)
    program.until_event("notice", kind="here")
    otto.send(line, *answers)
    otto.until(sentence)
    otto.until_match("^(Your|Choose|This erases)")  # asked again: what comes next is an answer
    otto.send("my secret of next year", "")
    nothing = f"Nothing was {'deleted' if 'delete' in line else 'changed'}."
    otto.until(nothing)
    program.send_event("command", line=line)
    for answer in answers:
        program.until_event("prompt")
        program.send_event("answer", text=answer)
    assert program.until_event("notice", kind="error")["text"].startswith(sentence)
    program.until_event("prompt")
    program.send_event("answer", text="")
    assert program.until_event("result", ok=False)["text"] == nothing
    assert "secret" not in boss.answer_to("/help busy")
    assert "secret" not in otto.answer_to("/help busy")
    room.join("otto")


def test_five_wrong_answers_to_a_command_are_asked_again_and_the_next_one_ends_it(
    room: ServerProcess,
) -> None:
    otto = room.join("otto")
    otto.send("/changepassword", *["wrong password"] * 6, "/help busy")
    told = otto.until("Nothing was changed.")
    assert told.count("That is not your password.") == 6
    assert "(An empty line cancels.)" in told
    assert "last try. Nothing was changed." in told
    otto.until("/busy [45m] [reason]")


def test_the_claim_code_makes_one_superuser_and_counts_only_once(
    start_server: StartServer,
) -> None:
    server = start_server()
    ann, bob = server.join("ann"), server.join("bob")
    code = server.claim_code()
    for wrong in ("0" * len(code), code[:-1], code.upper() + "x", "é"):
        assert "That code is not valid" in bob.answer_to(f"/claim {wrong}")
    assert "superusers only" in ann.answer_to("/viewkickusers")
    ann.send(f"/claim {code}")
    ann.until("You are a superuser now")
    ann.until("you are its first superuser")
    assert "That code is not valid" in bob.answer_to(f"/claim {code}")
    assert "That code is not valid" in ann.answer_to(f"/claim {code}")
    assert "Nobody is kicked" in ann.answer_to("/viewkickusers")
    assert code not in server.log()
    server.kill()
    server.start()
    assert "Nobody is kicked" in server.join("ann").answer_to("/viewkickusers")
    assert not any("/claim" in line for line in server.lines)
    assert "That code is not valid" in server.join("bob").answer_to(f"/claim {code}")


def test_a_new_code_is_given_at_each_start_without_a_superuser(start_server: StartServer) -> None:
    server = start_server()
    first = server.claim_code()
    server.stop()
    server.start()
    assert server.claim_code() != first
    ann = server.join("ann")
    assert "not valid" in ann.answer_to(f"/claim {first}")
