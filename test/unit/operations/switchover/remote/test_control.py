import os
import struct
import tempfile
import unittest

from control import ControlFile, crc32c, crc_place


def control(state, lsn, length=296):
    """A control file as PostgreSQL writes it: the struct, its CRC, zeros."""
    data = bytearray(os.urandom(length))
    struct.pack_into("=i", data, 16, state)
    struct.pack_into("=Q", data, 32, lsn)
    crc = crc32c(data) ^ 0xFFFFFFFF
    return bytes(data) + struct.pack("=I", crc) + bytes(8192 - length - 4)


class Told(ControlFile):
    """With pg_controldata's word given."""

    def __init__(self, content, told):
        self.folder = tempfile.TemporaryDirectory()
        os.mkdir(os.path.join(self.folder.name, "global"))
        unittest.addModuleCleanup(self.folder.cleanup)
        super().__init__(self.folder.name, "/nowhere")
        self.word = told
        self.write(content)

    def write(self, content):
        with open(self.path, "wb") as file:
            file.write(content)

    def told(self):
        return self.word


class Reading(unittest.TestCase):
    def test_the_checksum_is_the_one_that_everybody_knows(self):
        self.assertEqual(crc32c(b"123456789") ^ 0xFFFFFFFF, 0xE3069283)

    def test_the_place_of_the_checksum_is_found_in_any_version(self):
        for length in (240, 288, 296):
            self.assertEqual(crc_place(control(6, 1, length)[:512]), length)
        self.assertIsNone(crc_place(bytes(range(256)) * 2))

    def test_state_and_place_in_the_log(self):
        file = Told(control(6, 1 << 32 | 0x7000238), (False, "1/7000238"))
        self.assertTrue(file.learn())
        self.assertEqual(file.read(), (False, "1/7000238"))
        file.write(control(1, 1 << 32 | 0x8000028))
        self.assertEqual(file.read(), (True, "1/8000028"))

    def test_half_a_change_is_no_answer(self):
        file = Told(control(6, 0x7000238), (False, "0/7000238"))
        file.learn()
        old, new = control(6, 0x7000238), control(1, 0x8000028)
        file.write(new[:40] + old[40:])
        self.assertIsNone(file.read())

    def test_where_it_and_the_tool_differ_the_tool_is_asked(self):
        file = Told(control(6, 0x7000238), (False, "0/9999999"))
        self.assertFalse(file.learn())
        self.assertEqual(file.read(), (False, "0/9999999"))


if __name__ == "__main__":
    unittest.main()
