"""The tables of the capability model; ``apis`` says how a line is read and where they are from."""
# a table is read by the line

from __future__ import annotations

__all__ = [
    "CONNECT",
    "DYNAMIC",
    "LISTEN",
    "MORE_LAST",
    "NATIVE",
    "OTHER",
    "READ",
    "RUN",
    "SOURCES",
    "THREADS",
    "WRITE",
]

CONNECT = """
socket.create_connection 0:address
socket.socket().{connect,connect_ex} 0
socket.socket().sendto -1
socket.socket().{send,sendall,sendmsg,sendfile} -
socket.{gethostbyname,gethostbyname_ex,getaddrinfo,gethostbyaddr} 0:host
asyncio.open_connection 0:host
asyncio.{get_event_loop,get_running_loop,new_event_loop}().create_connection 1:host
asyncio.{get_event_loop,get_running_loop}().create_datagram_endpoint -
asyncio.{get_event_loop,get_running_loop}().{sock_connect,sock_sendto} 1
asyncio.open_connection()[].write -
ftplib.{FTP,FTP_TLS} 0:host
ftplib.{FTP,FTP_TLS}().{storbinary,storlines,retrbinary} -
http.client.{HTTPConnection,HTTPSConnection} 0:host
http.client.{HTTPConnection,HTTPSConnection}().{request,send} -
imaplib.{IMAP4,IMAP4_SSL} 0:host
nntplib.NNTP 0:host
poplib.{POP3,POP3_SSL} 0:host
smtplib.{SMTP,SMTP_SSL} 0:host
smtplib.{SMTP,SMTP_SSL}().{sendmail,send_message} -
ssl.get_server_certificate 0:addr
ssl.{create_default_context,SSLContext,_create_unverified_context}().wrap_socket().{connect,connect_ex} 0
ssl.{create_default_context,SSLContext,_create_unverified_context}().wrap_socket().{send,sendall,write} -
ssl.wrap_socket().{connect,connect_ex} 0
telnetlib.Telnet 0:host
urllib.request.{urlopen,urlretrieve} 0:url
urllib.request.{URLopener,FancyURLopener}().{open,retrieve} 0
urllib.request.build_opener().open 0
urllib.request.Request 0:url
xmlrpc.client.{ServerProxy,Server} 0:uri
logging.handlers.{SMTPHandler,SocketHandler,DatagramHandler,HTTPHandler} 0
logging.handlers.SysLogHandler 0:address
multiprocessing.connection.Client 0:address
aiohttp.ClientSession().{get,post,put,patch,delete,head,options,ws_connect} 0:url
aiohttp.ClientSession().request 1:url
aiohttp.request 1:url
dns.resolver.{resolve,query} 0
dns.resolver.Resolver().{resolve,query} 0
dns.query.{udp,tcp,tls} 1
paho.mqtt.client.Client().{connect,connect_async} 0:host
paho.mqtt.publish.{single,multiple} 2:hostname
paramiko.SSHClient().connect 0:hostname
paramiko.Transport 0
asyncssh.connect 0:host
urllib3.PoolManager().{request,urlopen} 1:url
urllib3.ProxyManager().request 1:url
urllib3.request 1:url
urllib3.{HTTPConnectionPool,HTTPSConnectionPool} 0:host
websockets.{connect,client.connect,sync.client.connect} 0:uri
websocket.{create_connection,WebSocketApp} 0:url
websocket.WebSocket().connect 0:url
{websocket.create_connection(),websocket.WebSocket(),websockets.connect(),websockets.sync.client.connect()}.{send,send_binary} -
{requests,httpx,curl_cffi.requests,niquests,cloudscraper.create_scraper(),tls_client.Session()}.{get,post,put,patch,delete,head,options} 0:url
{requests.Session(),httpx.Client(),httpx.AsyncClient()}.{get,post,put,patch,delete,head,options,stream} 0:url
{requests,httpx,requests.Session(),httpx.Client(),httpx.AsyncClient()}.request 1:url
{httpx}.stream 1:url
discord_webhook.DiscordWebhook 0:url
{discord.Client,discord.Bot,discord.ext.commands.Bot,commands.Bot,nextcord.Client,disnake.Client}().run -
discord.SyncWebhook.from_url 0:url
dhooks.Webhook 0:url
telebot.TeleBot -
telegram.Bot -
pycurl.Curl().setopt 1
wget.download 0:url
redis.{Redis,StrictRedis} 0:host
pymysql.connect 0:host
psycopg2.connect -
pymongo.MongoClient 0:host
socks.socksocket().connect 0
puresnmp.Client 0
ping3.{ping,verbose_ping} 0
icmplib.{ping,multiping} 0
wakeonlan.send_magic_packet -
boto3.{client,resource} -
"""
LISTEN = """
socket.create_server 0:address
socket.socket().bind 0
socket.socket().listen -
asyncio.{start_server} 2:port
asyncio.start_unix_server -
asyncio.{get_event_loop,get_running_loop}().create_server 2:port
http.server.{HTTPServer,ThreadingHTTPServer} 0
socketserver.{TCPServer,ThreadingTCPServer,ThreadingUDPServer,UDPServer} 0
wsgiref.simple_server.make_server 1:port
xmlrpc.server.SimpleXMLRPCServer 0
logging.config.listen 0:port
multiprocessing.connection.Listener 0:address
multiprocessing.managers.BaseManager 0:address
aiohttp.web.run_app -
aiohttp.web.TCPSite 2:port
flask.Flask().run -
uvicorn.run -
websockets.serve 2:port
"""
READ = """
open 0:file
os.open 0:path
os.{listdir,scandir} 0:path
os.{walk,fwalk} 0:top
os.readlink 0:path
glob.{glob,iglob} 0:pathname
linecache.{getlines,getline} 0
fileinput.{input,FileInput} 0:files
mmap.mmap -
sqlite3.connect 0:database
configparser.{ConfigParser,RawConfigParser,SafeConfigParser}().read 0:filenames
pathlib.Path().{open,read_bytes,read_text,iterdir,glob,rglob,walk} self
pathlib.Path.{read_text,read_bytes} 0
shutil.{copy,copy2,copyfile,copytree} 0:src
shutil.make_archive 2:root_dir
zipfile.ZipFile 0:file
zipfile.ZipFile().write 0:filename
tarfile.open 0:name
tarfile.open().add 0
dbm.open 0
numpy.{load,fromfile,loadtxt} 0
pandas.{read_csv,read_pickle,read_json} 0
PIL.Image.open 0:fp
netrc.netrc 0:file
"""
WRITE = """
os.{chmod,lchmod,chown,mkfifo,mknod} 0:path
os.{link,symlink} 1:dst
os.{makedirs,removedirs} 0:name
os.{mkdir,remove,rmdir,truncate,unlink,utime} 0:path
os.{rename,replace,renames} 1:dst
tempfile.{NamedTemporaryFile,TemporaryFile,SpooledTemporaryFile}().{write,writelines} -
pathlib.Path().{chmod,mkdir,rename,replace,touch,unlink,rmdir,write_bytes,write_text,symlink_to} self
pathlib.Path.{write_text,write_bytes} 0
shutil.{copy,copy2,copyfile,copytree,move} 1:dst
shutil.rmtree 0:path
shutil.unpack_archive 1:extract_dir
zipfile.ZipFile().{extractall,extract} -
tarfile.open().{extractall,extract} -
urllib.request.urlretrieve 1:filename
wget.download 1:out
winreg.{SetValueEx,SetValue} -
"""
RUN = """
os.{popen,popen2,popen3,popen4} 0:cmd
os.system 0:command
os.{posix_spawn,posix_spawnp} 0
os.startfile 0
os.exec{l,le,lp,lpe,v,ve,vp,vpe} 0
os.spawn{l,le,lp,lpe,v,ve,vp,vpe} 1
pty.spawn 0
pexpect.{spawn,run} 0:command
asyncio.create_subprocess_exec 0:program
asyncio.create_subprocess_shell 0:cmd
asyncio.{get_event_loop,get_running_loop}().{subprocess_exec,subprocess_shell} 1
subprocess.{run,call,check_call,check_output,Popen} 0:args
subprocess.{getoutput,getstatusoutput} 0:cmd
subprocess.fork_exec 0
webbrowser.{open,open_new,open_new_tab} -
paramiko.SSHClient().exec_command -
pip.main 0
pip._internal.main 0
pip._internal.cli.main.main 0
setuptools.command.easy_install.main 0
sh.{bash,sh,curl,wget,python,sudo} -
plumbum.local[] -
win32api.ShellExecute -
win32com.client.Dispatch -
ctypes.{WinDLL(),CDLL()}.{WinExec,system,ShellExecuteA,ShellExecuteW} 0
ctypes.WinDLL().kernel32.{WinExec,CreateProcessA,CreateProcessW} 0
ctypes.WinDLL().shell32.{ShellExecuteA,ShellExecuteW} 2
cffi.FFI().dlopen().{system,popen,execve} 0
ctypes.CDLL().{execve,execvp,popen,fork} 0
"""
DYNAMIC = """
eval 0
exec 0
execfile 0
compile 0:source
code.{InteractiveInterpreter,InteractiveConsole,interact} -
code.{InteractiveInterpreter,InteractiveConsole}().{runsource,runcode,push} 0
codeop.compile_command 0
timeit.{timeit,repeat,Timer} 0:stmt
{profile,cProfile,pdb,bdb,trace}.{run,runctx,runeval} 0
trace.Trace().run 0
doctest.{testmod,run_docstring_examples} -
marshal.{loads,load} 0
pickle.{load,loads,Unpickler} 0
jsonpickle.{decode,loads} 0
joblib.load 0
torch.load 0
shelve.open 0
yaml.{unsafe_load,full_load_all,unsafe_load_all} 0
runpy.{run_module,run_path} 0
imp.{load_source,load_module,load_dynamic,load_compiled} 1
importlib.util.spec_from_loader 0
importlib.util.spec_from_file_location 1
importlib.machinery.{SourceFileLoader,SourcelessFileLoader,ExtensionFileLoader} 1
zipimport.zipimporter 0
types.{CodeType,FunctionType,LambdaType} 0
site.addsitedir 0
"""
NATIVE = """
ctypes.{CDLL,PyDLL,WinDLL,OleDLL} 0:name
ctypes.CDLL().LoadLibrary 0
ctypes.WinDLL().LoadLibrary 0
cffi.FFI().{dlopen,verify,set_source} 0
importlib.machinery.ExtensionFileLoader 1
imp.load_dynamic 1
"""
THREADS = """
threading.{Thread,Timer,start_new_thread} -
concurrent.futures.{ThreadPoolExecutor,ProcessPoolExecutor} -
multiprocessing.{Pool,Process} -
os.{fork,forkpty} -
"""
OTHER = {
    "ENV": "os.getenv 0:key\nos.environ.{get,pop,setdefault} 0\nos.environ.{copy,items,values,keys,update} -"
    "\nos.putenv 0\nos.unsetenv 0",
    "MULTICAST": "zeroconf.Zeroconf -\nzeroconf.asyncio.AsyncZeroconf -",
    "RAW": "scapy.all.{sniff,send,sendp,sr,sr1,srp,srp1,sniff,arping} -\nscapy.sendrecv.{sniff,send} -",
}
# What a value is that one of these gives: the beginning of a flow.
SOURCES = {
    "host": "socket.{gethostname,getfqdn} platform.{node,uname,platform,system,release,machine,processor,version} os.uname "
    "uuid.getnode psutil.{cpu_percent,virtual_memory,net_if_addrs,disk_partitions,boot_time} wmi.WMI",
    "user": "getpass.getuser os.getlogin pwd.getpwuid pwd.getpwall os.getcwd psutil.users os.getuid",
    "clipboard": "pyperclip.paste win32clipboard.GetClipboardData tkinter.Tk().clipboard_get "
    "clipboard.paste pandas.read_clipboard PIL.ImageGrab.grabclipboard",
    "screen": "PIL.ImageGrab.grab pyautogui.screenshot mss.mss().grab mss.mss().shot mss.mss pyscreenshot.grab "
    "mss.mss().save",
    "camera": "cv2.VideoCapture sounddevice.rec pyaudio.PyAudio",
    "keys": "pynput.keyboard.Listener keyboard.on_press keyboard.hook keyboard.read_event keyboard.record "
    "keyboard.start_recording keyboard.on_release pyxhook.HookManager pyHook.HookManager "
    "keyboard.read_key ctypes.WinDLL().user32.GetAsyncKeyState ctypes.WinDLL().user32.SetWindowsHookExA "
    "ctypes.WinDLL().user32.SetWindowsHookExW pynput.keyboard.Listener() evdev.InputDevice",
    "password": "keyring.get_password browser_cookie3.load browser_cookie3.chrome "
    "browser_cookie3.firefox browser_cookie3.edge browser_cookie3.brave win32crypt.CryptUnprotectData "
    "keyring.get_credential rookiepy.chrome rookiepy.load pycookiecheat.chrome_cookies "
    "ctypes.WinDLL().crypt32.CryptUnprotectData secretstorage.get_default_collection",
    "time": "datetime.datetime.{now,today,utcnow} datetime.date.today time.{time,localtime,gmtime,strftime,ctime}",
    "place": "locale.{getdefaultlocale,getlocale} time.tzname ctypes.WinDLL().kernel32.GetUserDefaultUILanguage "
    "ctypes.WinDLL().kernel32.GetSystemDefaultUILanguage",
    "decoded": "base64.{b64decode,b32decode,b16decode,b85decode,a85decode,urlsafe_b64decode,decodebytes,standard_b64decode} "
    "zlib.decompress bz2.decompress lzma.decompress gzip.decompress codecs.decode "
    "binascii.{unhexlify,a2b_base64,a2b_hex} bytes.fromhex cryptography.fernet.Fernet().decrypt "
    "Crypto.Cipher.AES.new().decrypt Cryptodome.Cipher.AES.new().decrypt pyaes.AESModeOfOperationCBC().decrypt "
    "zlib.decompressobj().decompress marshal.loads bytearray.fromhex Crypto.Cipher.ARC4.new().decrypt",
    "letters": "chr",
    "listing": "dir",
    "login": "netrc.netrc",
    "encoded": "base64.{b64encode,b32encode,b16encode,urlsafe_b64encode} binascii.hexlify bytes.hex codecs.encode",
    "image": "PIL.Image.open PIL.Image.open().getdata PIL.Image.open().getpixel cv2.imread stepic.decode "
    "stegano.lsb.reveal wave.open",
    "argument": "sys.argv input sys.stdin.read",
    "site": "site.{getsitepackages,getusersitepackages,USER_SITE,ENABLE_USER_SITE} sysconfig.{get_path,get_paths} "
    "distutils.sysconfig.get_python_lib sys.{prefix,path,exec_prefix} sysconfig.get_paths()",
    "metadata": "importlib.metadata.metadata importlib.metadata.distribution importlib.resources.read_text "
    "importlib.resources.read_binary pkgutil.get_data importlib.resources.files",
}  # fmt: skip
MORE_LAST = (
    "__import__ import_module getattr compile partial methodcaller globals vars load_module write "
    "add_note settrace setprofile _getframe __subclasses__ setattr register meta_path insert append "
    "copy paste set_clipboard dup2 fileno recv exec_module memmove mmap VirtualAlloc CFUNCTYPE "
    "verify extractall load safe_load gettrace IsDebuggerPresent encrypt kill setup run_setup "
    "FernetListener submit start_new_thread map reduce get __getitem__ copyfileobj SetValueEx "
    "runsource exit _exit ptrace create_task urlopen accumulate starmap"
)
