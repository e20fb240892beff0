"""The words by which paths, hosts, commands and wallets are known; data, with their sources.

Paths of credentials and of persistence follow MITRE ATT&CK (T1555, T1552, T1546, T1547, T1053);
hosts of exfiltration are services that take anything from anyone without an account.
"""

# a pattern is read by the line

from __future__ import annotations

import re

__all__ = [
    "ANALYSIS",
    "AUTOSTART",
    "BUILD_PROGRAM",
    "CLOUD",
    "CREDENTIALS",
    "DESTRUCTION",
    "DOWNLOAD_RUN",
    "DROP_HOST",
    "GRAVE_PICKLE",
    "HOOK_HOST",
    "HOOK_KEY",
    "MINING",
    "PERSISTENT_COMMAND",
    "PROTECTION",
    "REVERSE_SHELL",
    "SAFE_PICKLE",
    "SECRET_VARIABLE",
    "TELLING",
    "WALLET",
    "is_public_host",
]


def _any(text: str) -> re.Pattern[str]:
    return re.compile(text, re.VERBOSE | re.IGNORECASE)


CREDENTIALS = _any(
    r"""\.ssh/?(?:$|id_|identity|authorized_keys|\*)|\.ssh\b|\.aws/(?:credentials|config)
    |\.aws\b(?=/?$)
    |\.gnupg|\.netrc\b|_netrc\b|\.pgpass\b|\.git-credentials|\.docker/config\.json|\.kube/config
    |\.config/(?:gh/hosts|gcloud|rclone|1Password|Bitwarden)|\.azure/|/etc/shadow|/etc/gshadow
    |\.mozilla|Mozilla/Firefox|Google/Chrome|google-chrome|chromium/Default|BraveSoftware
    |Microsoft/Edge
    |Opera\ Software|User\ Data|Login\ Data|\bkey4\.db|\blogins\.json|cookies\.sqlite|Local\ State$
    |\.bash_history|\.zsh_history|\.python_history|login\.keychain|Library/Keychains
    |wallet\.dat|\.electrum|Exodus/|Atomic/Local|Ethereum/keystore|\.ethereum|\.bitcoin|MetaMask
    |nkbihfbeogaeaoehlefnkodbefgpgknn|Local\ Storage/leveldb|discord(?:canary|ptb)?/Local|\.pypirc
    |\.npmrc|Telegram\ Desktop/tdata|tdata$|\.local/share/keyrings|FileZilla/|\.terraform\.d
    |\.heimnetz(?:-git)?/|secrets\.yaml|\.storage/auth|/proc/\d+/environ|/proc/self/environ|/proc/[^/]+/(?:mem|maps)$
    |/proc/\*/environ
    |\.vault-token|\.config/heimnetz|id_rsa|id_ed25519|\.dbeaver|\.config/solana|\.env$"""
)
AUTOSTART = _any(
    r"""\.bashrc|\.bash_profile|\.profile$|\.zshrc|\.zprofile|\.zshenv|config\.fish|/etc/profile
    |/etc/cron|/var/spool/cron|\.config/autostart|/etc/systemd/|\.config/systemd/|systemd/user
    |LaunchAgents|LaunchDaemons|Start\ Menu/Programs/Startup|Programs/Startup|CurrentVersion/Run
    |/etc/rc\.local|/etc/init\.d|/etc/ld\.so\.preload|/etc/ld\.so\.conf|authorized_keys
    |/etc/sudoers
    |sitecustomize\.py|usercustomize\.py|site-packages/[^/]*\.pth|\.pth$|\.git/hooks/
    |core\.hooksPath
    |/etc/udev/rules|/etc/pam\.d|/etc/xdg/autostart|\.xinitrc|\.xprofile|\.pam_environment|\.vimrc
    |/etc/passwd$|/etc/update-motd\.d|/etc/apt/apt\.conf\.d|Image\ File\ Execution\ Options"""
)
PERSISTENT_COMMAND = _any(
    r"""\bcrontab\b(?!\s+-l)|\bschtasks\b.*?/create|\bsystemctl\b.*\benable\b
    |\blaunchctl\s+(?:load|bootstrap)
    |\breg\s+add\b.*\\Run|\bupdate-rc\.d\b|>>?\s*~?/?\S*(?:\.bashrc|\.profile|\.zshrc|rc\.local)
    |New-ScheduledTask|\bsc\s+create\b|\bat\s+now\b|\bchattr\s+\+i|>>\s*/etc/
    |>>?\s*\S*authorized_keys
    |\buseradd\b|\busermod\b.*sudo|New-Service"""
)
DOWNLOAD_RUN = _any(
    r"""(?:curl|wget|fetch)\b[^|;&]*(?:\||&&|;)\s*(?:sudo\s+)?(?:\S*/)?(?:ba|da|z|k)?sh\b
    |(?:curl|wget)\b[^|]*\|\s*(?:sudo\s+)?(?:base64|python\d?|perl|ruby|node)
    |(?:ba)?sh\s+(?:-c\s+)?["'<(\s$]*(?:curl|wget)|(?:curl|wget)\b.*(?:chmod\s+(?:\+x|7\d\d)
    |&&\s*\.?/)
    |\bIEX\b|Invoke-Expression|DownloadString|DownloadFile|Invoke-WebRequest.*(?:Start-Process|;
    |\|)
    |powershell.*\s-(?:e|en|enc|enco\w*)\s+[A-Za-z0-9+/=]{16,}|certutil.*-urlcache
    |bitsadmin.*/transfer
    |mshta\s+(?:https?:|javascript:|vbscript:)|regsvr32.*/i:http|base64\s+(?:-d|--decode
    |-D)\b[^|]*\|\s*(?:\S*/)?(?:ba|z)?sh
    |rundll32.*javascript:|eval\s+["'$(]*(?:curl|wget)|pip3?\s+install\s+.*(?:https?://|git\+)"""
)
REVERSE_SHELL = _any(
    r"""/dev/(?:tcp|udp)/|\bnc(?:at)?\b[^|;]*\s-(?:\w*e|c)\b|\bmkfifo\b.*\bnc\b
    |\bsocat\b.*(?:exec|system|pty)
    |bash\s+-i\s*>&|\bTCPClient\b.*StreamReader|php\s+-r.*fsockopen|perl\s+-e.*socket
    |\bncat\b.*--(?:sh-)?exec
    |\bssh\b.*-R\s*\d+|openssl\s+s_client.*\|\s*/bin|telnet\s.*\|\s*/bin/(?:ba)?sh"""
)
DESTRUCTION = _any(
    r"""\brm\s+(?:-\w+\s+)*-\w*[rf]\w*\s+(?:--no-preserve-root\s+)?["']?(?:/|~|\$HOME|/home|/etc
    |/usr|/var)["']?(?:/?\*)?(?:\s|$|;)
    |\bdd\b.*\bof=/dev/(?:sd|hd|nvme|mmcblk|disk|vd)|\bmkfs|>\s*/dev/sd[a-z]|\bshred\b.*(?:/dev
    |/home|/)|format\s+[a-z]:
    |del\s+/[fsq].*[a-z]:\\|:\(\)\s*\{\s*:\|:&\s*\}|vssadmin\s+delete|wbadmin\s+delete
    |\bcipher\s+/w
    |rd\s+/s\s+/q\s+[a-z]:|\bwipefs\b"""
)
MINING = _any(
    r"""stratum\+(?:tcp|ssl)|xmrig|minexmr|nanopool|supportxmr|hashvault|moneroocean|cryptonight
    |randomx
    |coinhive|nicehash|ethermine|2miners|cpuminer|minerd\b|--donate-level|nbminer|t-rex
    |phoenixminer|c3pool|f2pool"""
)
# Places that take what is sent without asking who sends it.
HOOK_HOST = _any(
    r"""discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d|hooks\.slack\.com/services/T
    |api\.telegram\.org/bot\d
    |webhook\.site|requestbin|pipedream\.net|\.oast(?:ify)?\.|interact\.sh|burpcollaborator
    |canarytokens
    |beeceptor\.com|mockbin|ptsv2|hookbin|requestcatcher|webhook\.(?:cool|example\.invalid)"""
)
HOOK_KEY = _any(
    r"""discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d{8,}/[\w-]{3,}
    |hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/\w{8,}|api\.telegram\.org/bot\d{8,}:[\w-]{20,}"""
)
DROP_HOST = _any(
    r"""pastebin\.com|paste\.ee|hastebin|ghostbin|rentry\.co|transfer\.sh|file\.io|gofile\.io
    |anonfiles|0x0\.st
    |catbox\.moe|ngrok(?:-free)?\.(?:io|app)|serveo\.net|trycloudflare\.com|localtunnel|loca\.lt
    |\.onion\b|pagekite
    |cdn\.discordapp\.com/attachments|bit\.ly/|tinyurl\.com|is\.gd/|t\.ly/|dpaste|ix\.io|termbin
    |bashupload
    |raw\.githubusercontent\.com/\S+\.(?:exe|sh|ps1|bat|bin)|\.(?:duckdns\.org|no-ip\.\w+
    |hopto\.org|ddns\.net)|temp\.sh
    |(?:paste|drop|tunnel|collector)\.example\.invalid"""
)
# Addresses at which a cloud hands its machines their credentials.
CLOUD = _any(r"169\.254\.169\.254|metadata\.google\.internal|100\.100\.100\.200|169\.254\.170\.2")
# Commands whose output tells of people and their secrets.
TELLING = _any(
    r"""netsh\b.*wlan|find-generic-password|dump-keychain|\bcmdkey\b|reg\b.*\b(?:save|query)\b.*(?:sam|security)
    |\bsysteminfo\b|\btasklist\b|\bipconfig\b|\bwhoami\b|/etc/(?:passwd|shadow)|\bprintenv\b|^env$
    |\bwmic\b|\bGet-Clipboard\b|\bpbpaste\b|\bxclip\b|\bifconfig\b|\.ssh/|\.aws/|Get-ComputerInfo
    |\bgit\s+config\b|\bsecurity\s+find|\bhistory\b"""
)
PROTECTION = _any(
    r"""(?:Add|Set)-MpPreference|DisableRealtimeMonitoring|advfirewall\s+set\s+\S+\s+state\s+off
    |\bsetenforce\s+0|\bufw\s+disable|iptables\s+(?:-F|--flush)|sc\s+(?:stop|delete)\s+WinDefend
    |taskkill\b.*(?:MsMpEng|avast|avp|wireshark)|DisableAntiSpyware|auditctl\s+-[eD]|EnableLUA
    |systemctl\s+(?:stop|disable)\s+(?:auditd|firewalld|apparmor|falcon)|csrutil\s+disable
    |\|\s*sudo\s+-S\b|\bvisudo\b|NOPASSWD
    |spctl\s+--master-disable|wevtutil\s+cl\b|Clear-EventLog"""
)
WALLET = _any(
    r"""\[13\]\[a-km-zA-HJ-NP-Z|bc1\[|\(bc1\||\^?0x\[a-f|0x\[0-9a-f|\[48\]\[0-9AB\]
    |T\[A-Za-z1-9\]\{33|bitcoincash:|\[LM3\]\[a-km-z
    |\^bc1|\^\(1\|3\|bc1|T\[1-9A-HJ-NP-Za-km-z"""
)
ANALYSIS = _any(
    r"""\bvmware\b|virtualbox|\bvbox|qemu-ga|\bsandboxie\b|sbiedll|wireshark|procmon
    |processhacker|ollydbg|x64dbg|\bidaq?\b
    |vmtoolsd|vboxservice|\bfiddler\b|cuckoo|joebox|00:0c:29|08:00:27|00:05:69
    |/sys/class/dmi/id/product_name
    |hypervisor|TracerPid|WDAGUtilityAccount|\bhttpdebugger"""
)
SECRET_VARIABLE = _any(
    r"""AWS_(?:SECRET|ACCESS|SESSION)|GITHUB_TOKEN|GH_TOKEN|GITLAB_TOKEN|CI_JOB_TOKEN|NPM_TOKEN
    |PYPI_|TWINE_|
    VAULT_TOKEN|AZURE_CLIENT_SECRET|DOCKER_(?:PASS|AUTH)
    |DATABASE_URL|
    ACTIONS_(?:RUNTIME|ID_TOKEN)|HEROKU_API|DIGITALOCEAN|SUPERVISOR_TOKEN|HASSIO_TOKEN|OPENAI_API
    |ANTHROPIC_API"""
)
_HOME = re.compile(
    r"(?:localhost|127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|0\.0\.0\.0|255\.|22[4-9]\.|23\d\."
    r"|\[?fe80|\[?f[cd]|::1)|\.(?:local|lan|home|internal|arpa|box)(?::|$)"
)


def is_public_host(target: str) -> bool:
    """Whether a known ``host:port`` is neither this machine nor the home network."""
    host = target.partition("/")[0]
    return bool(host) and "." in host and not _HOME.search(host)


# What builds start as a matter of course.
BUILD_PROGRAM = re.compile(
    r"(?:\S*/)?(?:git|hg|svn|gcc|g\+\+|clang|cc|c\+\+|cmake|make|ninja|pkg-config|cargo|rustc|swig|cython|nm|ld|ar|npm|node"
    r"|yarn|uname|xcrun|xcodebuild|go|protoc|meson|llvm-config|pg_config|mysql_config|krb5-config|sphinx-build|pytest|nox|tox|twine"
    r"|curl-config|brew\s+--prefix|python\S*\s+(?:-[A-Zm]\S*\s+)*(?:pytest|setup\.py|build|twine|unittest|\S+\.py)|echo|which|where|lsb_release|sw_vers|black|mypy|flake8|rm|cp|mv|mkdir|ldconfig|locate|find|llvm-\w+|nasm|yasm|f2py|gfortran|patch|tar|bash\s+\S*(?:configure|autogen)\S*|sh\s+\S*(?:configure|autogen)\S*|\./configure|autoreconf|\S+-config|msgfmt|qmake|lupdate|lrelease|pyuic\d?|cythonize|nvcc|rst2\S+|pandoc|sphinx-\w+|asciidoc\w*|file|ls|true|cl|link|lib|dumpbin|vswhere\S*|pip\s+--version)(?:\.exe)?(?=\s|$)"
)
# What pickles may and must not name.
SAFE_PICKLE = re.compile(
    r"(?:builtins (?:set|frozenset|list|dict|tuple|int|float|complex|bytearray|object|slice|range|bytes|str|bool)|collections \w+"
    r"|datetime \w+|decimal Decimal|numpy\S* \w+|_codecs encode|copyreg _reconstructor|copy_reg _reconstructor|uuid \w+|pathlib \w+"
    r"|sklearn\S* \w+|pandas\S* \w+|scipy\S* \w+|__builtin__ (?:set|frozenset|list|dict|object))$"
)
GRAVE_PICKLE = re.compile(
    r"(?:os|posix|nt|subprocess|builtins|__builtin__|sys|socket|runpy|importlib\S*|pty|shutil|commands|webbrowser|ctypes|operator|functools|types|marshal|base64|code|pip\S*|timeit|cProfile) "
)
