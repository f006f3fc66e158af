import unittest

from masking import Mask, MissingSecret, render, shown


class Render(unittest.TestCase):
    def test_fills_in_placeholders(self):
        self.assertEqual(render("a={{secret:x}} b={{secret:y.z}}", {"x": "1", "y.z": "2"}), "a=1 b=2")

    def test_a_secret_is_not_rendered_again(self):
        self.assertEqual(render("{{secret:x}}", {"x": "{{secret:x}}"}), "{{secret:x}}")

    def test_an_unknown_secret_is_an_error(self):
        with self.assertRaises(MissingSecret) as raised:
            render("{{secret:x}}", {})
        self.assertEqual(raised.exception.name, "x")


class Masking(unittest.TestCase):
    def test_hides_whole_secrets_and_the_long_lines_of_secrets(self):
        mask = Mask({"password": "hunter22", "key": "-----BEGIN-----\nMIIBIjANBgkqhkiG9w0B\n"})
        self.assertEqual(mask("login hunter22: MIIBIjANBgkqhkiG9w0B"), "login [secret]: [secret]")

    def test_leaves_short_texts_alone(self):
        self.assertEqual(Mask({"x": "no"})("no, not now"), "no, not now")

    def test_the_longest_secret_goes_first(self):
        self.assertEqual(Mask({"a": "secret", "b": "secretsecret2"})("secretsecret2"), "[secret]")


class Shown(unittest.TestCase):
    def test_a_file_without_secrets_is_shown_as_it_is(self):
        self.assertEqual(shown("a\n", "b\nc\n", Mask({})), "b\nc\n")

    def test_known_lines_and_names_of_settings_are_shown_and_values_are_not(self):
        template = "user: app\npassword: {{secret:p}}\nttl: 20\n"
        actual = "user: app\npassword: oldpassword\nttl: 30\nsomething else\n"
        self.assertEqual(
            shown(template, actual, Mask({"p": "new"})),
            "user: app\npassword: {{secret:p, another value}}\nttl: (hidden)\n(hidden)\n",
        )

    def test_hidden_lines_in_a_row_become_one(self):
        self.assertEqual(shown("{{secret:p}}\nx\n", "x y\nz w\nx\n", Mask({})).splitlines()[-1], "x")
        self.assertEqual(shown("a {{secret:p}}\n", "x y\nz w\n", Mask({})), "(2 lines hidden)\n")

    def test_a_file_that_is_one_secret_shows_nothing_of_another(self):
        self.assertEqual(shown("{{secret:key}}\n", "-----BEGIN\nabc\n", Mask({})), "{{secret:key, another value}}\n")

    def test_base64_is_no_setting(self):
        self.assertNotIn("QUJDRA", shown("x {{secret:key}}\n", "QUJDRA==\n", Mask({})))
