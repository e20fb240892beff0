/* What no plugin's binaries and data have a use for. Each rule: message, severity, tags. */

rule coin_miner {
  meta:
    message = "speaks the protocol of mining pools"
    severity = "high"
    tags = "T1496"
  strings:
    $pool = "stratum+tcp://" nocase
    $tls = "stratum+ssl://" nocase
    $login = "\"method\":\"mining.subscribe\"" nocase
    $xmrig = "xmrig" nocase
    $randomx = "RandomX" nocase
  condition:
    any of ($pool, $tls, $login) or all of ($xmrig, $randomx)
}

rule hidden_program {
  meta:
    message = "has a Windows program inside, which is not where it begins"
    severity = "high"
    tags = "T1027.009"
  strings:
    $stub = "This program cannot be run in DOS mode"
  condition:
    $stub and uint16(0) != 0x5a4d and for any i in (1..#stub): (
      for any d in (0x20..0x80): (uint16(@stub[i] - d) == 0x5a4d)
    )
}

rule packed_program {
  meta:
    message = "is a program packed by UPX, so that it cannot be read"
    severity = "medium"
    tags = "T1027.002"
  strings:
    $mark = "UPX!"
    $name = "$Info: This file is packed with the UPX"
  condition:
    (uint32(0) == 0x464c457f or uint16(0) == 0x5a4d) and ($mark or $name)
}

rule bundled_python {
  meta:
    message = "is a Python program bundled by PyInstaller, so that it cannot be read"
    severity = "medium"
    tags = "T1027.002"
  strings:
    $magic = { 4d 45 49 0c 0b 0a 0b 0e }
  condition:
    (uint32(0) == 0x464c457f or uint16(0) == 0x5a4d) and $magic
}

rule remote_shell {
  meta:
    message = "is a known tool for remote control"
    severity = "high"
    tags = "T1219"
  strings:
    $meterpreter = "metsrv.dll" nocase
    $core = "stdapi_sys_process_execute"
    $cobalt = "beacon.x64.dll" nocase
    $reflective = "ReflectiveLoader"
    $sliver = "github.com/bishopfox/sliver"
    $merlin = "github.com/Ne0nd0g/merlin"
  condition:
    any of ($meterpreter, $core, $sliver, $merlin) or ($cobalt and $reflective)
}

rule browser_theft {
  meta:
    message = "reads the passwords of browsers"
    severity = "high"
    tags = "T1555.003"
  strings:
    $chrome = "\\Google\\Chrome\\User Data" nocase wide ascii
    $logins = "SELECT origin_url, username_value, password_value FROM logins" nocase
    $firefox = "logins.json" wide ascii
    $unprotect = "CryptUnprotectData"
  condition:
    (uint16(0) == 0x5a4d or uint32(0) == 0x464c457f) and ($logins or ($unprotect and any of ($chrome, $firefox)))
}

rule web_shell {
  meta:
    message = "is a web shell: it runs what a request says"
    severity = "high"
    tags = "T1505.003"
  strings:
    $php = /(eval|assert|system|passthru|shell_exec)\s*\(\s*(base64_decode\s*\(\s*)?\$_(GET|POST|REQUEST|COOKIE)/ nocase
    $jsp = /Runtime\.getRuntime\(\)\.exec\(\s*request\.getParameter/
    $asp = /eval\s*\(?\s*Request(\.Item)?\s*[\[(]/ nocase
  condition:
    filesize < 2MB and any of them
}

rule encoded_powershell {
  meta:
    message = "starts PowerShell with an encoded command"
    severity = "high"
    tags = "T1059.001"
  strings:
    $encoded = /powershell(\.exe)?"?\s[^\r\n]{0,120}-e(nc|ncodedcommand|c)?\s+[A-Za-z0-9+\/=]{40}/ nocase
  condition:
    $encoded
}

rule download_cradle {
  meta:
    message = "is a script that fetches a program and starts it"
    severity = "high"
    tags = "T1105"
  strings:
    $pipe = /(curl|wget)\s[^\r\n|]{4,200}\|\s*(sudo\s+)?(ba|z|da)?sh\b/
    $iex = /(IEX|Invoke-Expression)[^\r\n]{0,60}(DownloadString|Invoke-WebRequest|iwr)\b/ nocase
    $certutil = /certutil(\.exe)?\s[^\r\n]{0,40}-urlcache/ nocase
    $mshta = /mshta(\.exe)?\s+"?https?:/ nocase
  condition:
    filesize < 1MB and any of them
}
