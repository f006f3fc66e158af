import unittest

import survey
from steps import ask


class Rounds(unittest.TestCase):
    rounds = ((15, 0), (30, 1), (60, 3))
    asked = [(None, "step", name, name) for name in ("done", "later", "never", "silent")]

    def answers(self, words, rounds=rounds):
        """`words`: a probe's answers, one a round; the last one stays."""
        log = []

        def ask_one(text, seconds):
            log.append((text, seconds))
            given = words[text]
            return given.pop(0) if len(given) > 1 else given[0]

        found = survey.rounds_of(self.asked, rounds, ask_one, lambda pause: log.append(pause))
        return {item[2]: answer for item, answer in found}, log

    def test_what_is_not_content_at_once_is_asked_again_with_more_time(self):
        words = {"done": [True], "later": [None, False, True], "never": [False], "silent": [None]}
        found, log = self.answers(words)
        self.assertEqual(found, {"done": True, "later": True, "never": False, "silent": None})
        self.assertEqual([entry for entry in log if not isinstance(entry, tuple)], [0, 1, 3])
        self.assertEqual(sorted(s for name, s in [e for e in log if isinstance(e, tuple)] if name == "later"), [15, 30, 60])
        self.assertEqual([e for e in log if isinstance(e, tuple) and e[0] == "done"], [("done", 15)])

    def test_nothing_is_waited_for_where_all_are_content(self):
        found, log = self.answers({name: [True] for _, _, _, name in self.asked})
        self.assertEqual(set(found.values()), {True})
        self.assertEqual(log[0], 0)
        self.assertEqual(len(log), 1 + len(self.asked))

    def test_no_answer_is_none(self):
        self.assertIs(ask("exit 0", 15), True)
        self.assertIs(ask("exit 124", 15), False)
        self.assertIsNone(ask("sleep 5", 0.1))


class Looks(unittest.TestCase):
    def survey(self, probe):
        role = {"name": "redis", "prepare": [], "finish": [{"name": "made", "probe": probe}], "directories": [], "files": [], "units": []}
        job = type("Job", (), {"manifest": {"roles": [role]}})()
        one = survey.Survey(job)
        one._machine = lambda: None
        survey.ROUNDS = ((0.2, 0), (0.2, 0))
        return one

    def test_a_look_tells_no_answer_from_drift(self):
        silent = self.survey("sleep 5")
        self.assertEqual(silent.differences("always"), [])
        self.assertEqual(silent.unanswered, [{"role": "redis", "kind": "step", "name": "made"}])
        differs = self.survey("exit 1")
        self.assertEqual(
            differs.differences("always"), [{"role": "redis", "kind": "step", "name": "made", "what": ["not done"]}]
        )
        self.assertEqual(differs.unanswered, [])

    def test_a_converge_does_what_no_answer_came_to(self):
        self.assertEqual(
            self.survey("sleep 5").differences("if-same"),
            [{"role": "redis", "kind": "step", "name": "made", "what": ["no answer"]}],
        )


if __name__ == "__main__":
    unittest.main()
