"""Who made a device, by the first half of its MAC address.

The table is a hand-picked excerpt of the public IEEE MA-L listing (Registration Authority,
"oui.txt"):
makers that are common in homes. What it does not name is answered with an empty text.
"""

from __future__ import annotations

__all__ = ["vendor_of"]

PRIVATE = "(private address)"

VENDORS = {
    "00:00:0c": "Cisco",
    "00:03:93": "Apple",
    "00:04:0e": "AVM",
    "00:04:20": "Slim Devices",
    "00:0c:29": "VMware",
    "00:0d:93": "Apple",
    "00:0e:58": "Sonos",
    "00:11:32": "Synology",
    "00:15:5d": "Microsoft",
    "00:16:3e": "Xensource",
    "00:17:88": "Philips Lighting",
    "00:1b:21": "Intel",
    "00:1c:42": "Parallels",
    "00:24:d4": "Freebox",
    "00:25:90": "Super Micro",
    "00:50:56": "VMware",
    "04:18:d6": "Ubiquiti",
    "08:00:27": "PCS Systemtechnik (VirtualBox)",
    "14:cc:20": "TP-Link",
    "18:b4:30": "Nest Labs",
    "24:0a:c4": "Espressif",
    "24:a4:3c": "Ubiquiti",
    "28:cd:c1": "Raspberry Pi",
    "2c:cf:67": "Raspberry Pi",
    "30:ae:a4": "Espressif",
    "38:10:d5": "AVM",
    "3c:07:54": "Apple",
    "3c:a6:2f": "AVM",
    "44:65:0d": "Amazon",
    "4c:5e:0c": "MikroTik",
    "50:c7:bf": "TP-Link",
    "5c:aa:fd": "Sonos",
    "78:8a:20": "Ubiquiti",
    "7c:2f:80": "Gigaset",
    "a4:83:e7": "Apple",
    "a4:cf:12": "Espressif",
    "b8:27:eb": "Raspberry Pi",
    "b8:e9:37": "Sonos",
    "c0:25:06": "AVM",
    "d4:ca:6d": "MikroTik",
    "d8:3a:dd": "Raspberry Pi",
    "dc:a6:32": "Raspberry Pi",
    "e4:5f:01": "Raspberry Pi",
    "ec:b5:fa": "Philips Lighting",
    "f0:18:98": "Apple",
    "f4:f5:d8": "Google",
    "fc:a1:83": "Amazon",
    "fc:ec:da": "Ubiquiti",
}


def vendor_of(mac: str) -> str:
    """The maker of a device by its MAC address in normal form, empty when the table has none.

    An address with the bit "locally administered" (IEEE 802, as phones use them for privacy) was
    given by nobody: its answer is ``(private address)``.
    """
    known = VENDORS.get(mac[:8])
    if known:
        return known
    return PRIVATE if int(mac[:2], 16) & 0x02 else ""
