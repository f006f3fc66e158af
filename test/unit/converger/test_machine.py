import os
import subprocess
import tempfile
import unittest

import mounts
import packages
import units


class Units(unittest.TestCase):
    show = "Id=a.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\nCanReload=yes\n\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"

    def test_blocks_are_matched_with_names_by_their_order(self):
        found = units.parse_show(self.show, ["alias.service", "b.service"])
        self.assertTrue(found["alias.service"].up and found["alias.service"].can_reload)
        self.assertFalse(found["b.service"].exists)

    def differences(self, state, active, file_state):
        status = units.UnitStatus({"LoadState": "loaded", "ActiveState": active, "UnitFileState": file_state})
        return units.unit_differences({"state": state}, status)

    def test_what_is_to_be_done(self):
        cases = {
            ("running", "active", "enabled"): [],
            ("running", "inactive", "disabled"): ["enable", "start"],
            ("running", "failed", "enabled"): ["start"],
            ("running", "activating", "enabled"): ["start"],
            ("running", "reloading", "static"): [],
            ("enabled", "inactive", "disabled"): ["enable"],
            ("enabled", "inactive", "enabled"): [],
            ("stopped", "active", "enabled"): ["stop", "disable"],
            ("stopped", "activating", "disabled"): ["stop"],
            ("stopped", "failed", "disabled"): [],
            ("stopped", "inactive", ""): [],
        }
        for (state, active, file_state), expected in cases.items():
            with self.subTest(state=state, active=active, file_state=file_state):
                self.assertEqual(self.differences(state, active, file_state), expected)


class Packages(unittest.TestCase):
    def test_installed_and_held(self):
        output = "a ii \nb hi \nc rc \nd hF \ne un \n"
        self.assertEqual(packages.parse_query(output), ({"a", "b"}, {"b", "d"}))


class Mounts(unittest.TestCase):
    mount = {"device": "/dev/disk/by-id/x", "path": "/data", "filesystem": "xfs", "options": ["discard", "nofail"]}

    def test_unit_names_are_escaped_as_systemd_does(self):
        cases = {"/data": "data.mount", "/var/lib/my-data": "var-lib-my\\x2ddata.mount", "/a b": "a\\x20b.mount"}
        for path, name in cases.items():
            self.assertEqual(mounts.unit_name(path), name)

    def test_unit_text(self):
        self.assertEqual(
            mounts.unit_text(self.mount),
            "[Unit]\nDescription=Volume at /data\nBefore=local-fs.target\n\n[Mount]\nWhat=/dev/disk/by-id/x\n"
            "Where=/data\nType=xfs\nOptions=discard\n\n[Install]\nWantedBy=local-fs.target\n",
        )
        self.assertIn("RequiredBy=local-fs.target", mounts.unit_text({**self.mount, "options": []}))

    def test_the_mount_on_top_counts(self):
        text = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 7:1 / /my\\040data rw - ext4 x rw\n31 30 7:2 / /my\\040data rw - xfs y rw\n"
        self.assertEqual(mounts.parse_mountinfo(text), {"/": "8:1", "/my data": "7:2"})

    def test_only_zeros_are_blank(self):
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(8 << 20)
            self.assertTrue(mounts.is_blank(file.name))
            file.seek(-10, os.SEEK_END)
            file.write(b"x")
            file.flush()
            self.assertFalse(mounts.is_blank(file.name))

    def test_size_of_an_ext4_filesystem(self):
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(64 << 20)
            subprocess.run(["mkfs.ext4", "-q", "-F", file.name, "16M"], check=True, stderr=subprocess.DEVNULL)
            self.assertEqual(mounts.ext4_size(file.name), 16 << 20)
