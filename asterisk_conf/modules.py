"""The modules a hotline needs, by purpose. What is not here is not loaded (modules.conf, autoload=no)."""

from __future__ import annotations

from typing import NamedTuple


class Group(NamedTuple):
    """Some modules and why they are loaded."""

    why: str
    names: tuple[str, ...]


BASE = (
    Group("configuration and time", ("pbx_config", "res_timing_timerfd", "res_crypto", "res_convert")),
    Group("objects of PJSIP", ("res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb")),
    Group("sound formats", ("format_wav", "format_pcm", "format_sln")),
    Group("codecs", ("codec_alaw", "codec_ulaw", "codec_a_mu", "codec_resample")),
    Group(
        "bridges",
        (
            "bridge_simple",
            "bridge_native_rtp",
            "bridge_softmix",
            "bridge_holding",
            "bridge_builtin_features",
            "bridge_builtin_interval_features",
        ),
    ),
    Group("media", ("res_rtp_asterisk", "res_srtp", "chan_bridge_media", "res_musiconhold")),
    Group(
        "SIP",
        (
            "res_pjproject",
            "res_pjsip",
            "res_pjsip_session",
            "res_pjsip_sdp_rtp",
            "res_pjsip_authenticator_digest",
            "res_pjsip_outbound_authenticator_digest",
            "res_pjsip_endpoint_identifier_user",
            "res_pjsip_endpoint_identifier_ip",
            "res_pjsip_registrar",
            "res_pjsip_caller_id",
            "res_pjsip_diversion",
            "res_pjsip_dtmf_info",
            "res_pjsip_nat",
            "res_pjsip_pubsub",
            "res_pjsip_refer",
            "res_pjsip_rfc3326",
            "res_pjsip_acl",
            "res_pjsip_logger",
            "chan_pjsip",
        ),
    ),
    Group(
        "dialplan applications",
        (
            "app_channelredirect",
            "app_chanspy",
            "app_confbridge",
            "app_dial",
            "app_queue",
            "app_mixmonitor",
            "app_playback",
            "app_playtones",
            "app_read",
            "app_record",
            "app_stack",
            "app_userevent",
            "app_verbose",
            "app_exec",
            "app_senddtmf",
            "app_echo",
            "app_milliwatt",
            "res_speech",  # res_agi is linked against it
            "res_agi",
        ),
    ),
    Group(
        "dialplan functions",
        (
            "func_callerid",
            "func_channel",
            "func_cut",
            "func_devstate",
            "func_dialplan",
            "func_env",
            "func_extstate",
            "func_global",
            "func_hangupcause",
            "func_logic",
            "func_math",
            "func_pjsip_aor",
            "func_pjsip_contact",
            "func_pjsip_endpoint",
            "func_strings",
            "func_timeout",
            "func_uuid",
        ),
    ),
    Group("device states over AMI", ("res_manager_devicestate",)),
)

BROWSER_PHONES = Group(
    "phones in the browser",
    (
        "res_http_websocket",
        "res_pjsip_transport_websocket",
        "codec_opus_open_source",
        "res_format_attr_opus",
    ),
)

REST = Group(
    "REST interface and live audio",
    (
        "res_http_websocket",
        "res_websocket_client",
        "res_stasis",
        "res_stasis_answer",
        "res_stasis_playback",
        "res_stasis_recording",
        "res_stasis_snoop",
        "res_stasis_device_state",
        "app_stasis",
        "chan_websocket",
        "res_ari",
        "res_ari_model",
        "res_ari_applications",
        "res_ari_asterisk",
        "res_ari_bridges",
        "res_ari_channels",
        "res_ari_endpoints",
        "res_ari_events",
    ),
)


def groups(*, browser_phones: bool, rest: bool) -> tuple[Group, ...]:
    """What to load, each module once."""
    chosen = [*BASE, *([BROWSER_PHONES] if browser_phones else []), *([REST] if rest else [])]
    seen: set[str] = set()
    unique = []
    for group in chosen:
        names = tuple(n for n in group.names if n not in seen)
        seen.update(names)
        unique.append(Group(group.why, names))
    return tuple(unique)
