"""Packages that plugins and hosts import: a plugin of such a name would stand in their way."""

from __future__ import annotations

__all__ = ["POPULAR_IMPORTS"]

# A plugin's code is a top-level package of its own name, before others on its path. These are the
# top-level packages of the most downloaded Python projects in 2026, and of libraries for networks.
POPULAR_IMPORTS = frozenset(
    """
    aiobotocore aiofiles aiohappyeyeballs aiohttp aiomqtt aiosignal alembic annotated_doc
    annotated_types ansible anyio asn1crypto async_timeout asyncssh attr attrs awscli azure
    azure_core azure_identity backoff bcrypt beautifulsoup4 bleak blinker boto3 botocore bs4 build
    cachetools cassandra celery certifi cffi cfgv chardet charset_normalizer click colorama
    contourpy coverage crypto cryptography cv2 cycler databricks dateutil dbus decorator
    defusedxml deprecated dill distlib distro django dns dnspython docker docstring_parser
    docutils dotenv dulwich editables email_validator et_xmlfile exceptiongroup executing fabric
    fastapi fastjsonschema filelock flask fonttools frozenlist fsspec gevent gi git gitdb
    gitpython google google_api_core google_auth google_auth_httplib2 google_auth_oauthlib
    google_cloud_batch google_cloud_bigquery google_cloud_core google_cloud_storage google_crc32c
    google_genai greenlet grpc grpcio grpcio_status grpcio_tools h11 h2 hatchling heimnetz
    heimnetz_git hf_xet homeassistant hpack httpcore httplib2 httptools httpx httpx_sse
    huggingface_hub hyperframe identify idna importlib_metadata iniconfig ipython isodate
    itsdangerous jaraco jaraco_classes jaraco_context jaraco_functools jedi jeepney jinja2 jiter
    jmespath joblib jose jsonpointer jsonschema jwt kafka keras keyring kiwisolver kubernetes
    langchain ldap litellm lxml mako markdown_it markdown_it_py markupsafe marshmallow matplotlib
    mcp mdurl more_itertools msal msgpack msgspec multidict multiprocess mypy mypy_extensions
    mysql mysqldb nacl napalm netaddr netifaces netmiko networkx nltk nmap nodeenv numpy oauthlib
    openai openpyxl openssl opentelemetry opentelemetry_api opentelemetry_proto opentelemetry_sdk
    orjson packaging paho pandas paramiko parso pathspec pexpect pika pil pillow pip pkg_resources
    platformdirs plotly pluggy poetry_core pre_commit prometheus_client prompt_toolkit propcache
    proto_plus protobuf psutil psycopg2 psycopg2_binary ptyprocess pyarrow pyasn1 pyasn1_modules
    pycparser pydantic pydantic_ai_slim pydantic_core pydantic_graph pydantic_settings pygments
    pyjwt pymysql pynacl pyopenssl pyparsing pyproject_hooks pysnmp pytest pytest_asyncio
    pytest_cov pytest_json_ctrf python_dateutil python_discovery python_dotenv python_multipart
    pytz pyyaml rapidfuzz redis referencing regex requests requests_oauthlib requests_toolbelt
    resolvelib rich rpds_py rsa ruamel ruamel_yaml ruff s3fs s3transfer scapy scikit_learn scipy
    scrapy seaborn secretstorage selenium serial setuptools sglang shapely shellingham six sklearn
    smmap sniffio snowflake sortedcontainers soupsieve spacy sqlalchemy sse_starlette starlette
    statsmodels sympy tabulate tenacity tensorflow textual threadpoolctl tiktoken tokenizers toml
    tomli tomlkit tqdm traitlets transformers trove_classifiers twisted typer types_requests
    typing_extensions typing_inspection tzdata tzlocal uritemplate urllib3 usb uv uvicorn uvloop
    virtualenv watchfiles wcwidth weaviate_client websocket websocket_client websockets werkzeug
    wheel wrapt wx xxhash yaml yarl ydb zeroconf zipp zmq zstandard
    """.split()  # noqa: SIM905 # a list of words reads better so
)
