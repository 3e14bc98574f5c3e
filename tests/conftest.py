"""Fixtures of every area; each plugin skips with a reason where its real part cannot be had."""

pytest_plugins: list[str] = [
    "tests.plugins.hypothesis_profile",
    "tests.plugins.second_try",
    "tests.plugins.postgres",
    "tests.plugins.asterisk",
    "tests.plugins.screenpop",
    "tests.plugins.links",
    "tests.plugins.browser",
    "tests.plugins.desk_page",
    "tests.plugins.agi",
    "tests.plugins.speech",
    "tests.plugins.qa",
    "tests.plugins.qa_desk",
    "tests.plugins.soundcards",
    "tests.plugins.phone_desk",
    "tests.plugins.control_desk",
    "tests.plugins.listening",
]
