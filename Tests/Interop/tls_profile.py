#!/usr/bin/env python3
"""Judge a receiver's TLS with sslyze against Mozilla's "modern" profile, as a Pi would meet it.

The command line of sslyze can do this too, but not forgive one finding alone, and it exits 0 when it could not connect.
Exits 0 only if the scan was complete and the profile is met.
"""

import argparse
import sys
import warnings
from pathlib import Path

from cryptography.utils import CryptographyDeprecationWarning
from sslyze import (
    CertificateInfoExtraArgument,
    ClientAuthenticationCredentials,
    ScanCommandAttemptStatusEnum,
    ScanCommandsExtraArguments,
    Scanner,
    ServerConnectivityStatusEnum,
    ServerNetworkConfiguration,
    ServerNetworkLocation,
    ServerScanRequest,
)
from sslyze.mozilla_tls_profile.tls_config_checker import (
    SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER,
    MozillaTlsConfiguration,
    ServerNotCompliantWithTlsConfiguration,
    TlsConfigurationEnum,
    check_server_against_tls_configuration,
)

SERVER_NAME = "secure-receiver"
LIFETIME = "maximum_certificate_lifespan"


def host_and_port(text):
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:3500 or [::1]:3500")
    return host.strip("[]"), int(port)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", type=host_and_port, metavar="HOST:PORT")
    parser.add_argument("--identity", required=True, type=Path, help="folder with a Pi's pi.pem and ca.pem")
    parser.add_argument(
        "--allow-long-lifetime",
        action="store_true",
        help="forgive a certificate that lives longer than Mozilla's 90 days, and nothing else",
    )
    return parser.parse_args()


def scan(address, identity):
    host, port = address
    certificate_and_key = identity / "pi.pem"
    scanner = Scanner()
    scanner.queue_scans(
        [
            ServerScanRequest(
                # sslyze checks the certificate for the location's name and dials its address.
                server_location=ServerNetworkLocation(hostname=SERVER_NAME, port=port, ip_address=host),
                network_configuration=ServerNetworkConfiguration(
                    tls_server_name_indication=SERVER_NAME,
                    tls_client_auth_credentials=ClientAuthenticationCredentials(
                        certificate_chain_path=certificate_and_key, key_path=certificate_and_key
                    ),
                ),
                scan_commands=SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER,
                scan_commands_extra_arguments=ScanCommandsExtraArguments(
                    certificate_info=CertificateInfoExtraArgument(custom_ca_file=identity / "ca.pem")
                ),
            )
        ]
    )
    (result,) = scanner.get_results()
    if result.connectivity_status != ServerConnectivityStatusEnum.COMPLETED:
        trace = result.connectivity_error_trace
        reason = "".join(trace.format_exception_only()).strip() if trace else "no reason given"
        sys.exit(f"failed: sslyze could not connect to {host} port {port}: {reason}")
    incomplete = []
    for command in SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER:
        attempt = getattr(result.scan_result, command.value)
        if attempt.status != ScanCommandAttemptStatusEnum.COMPLETED:
            trace = attempt.error_trace
            reason = "".join(trace.format_exception_only()).strip() if trace else attempt.error_reason
            incomplete.append(f"{command.value}: {reason}")
    if incomplete:
        sys.exit("failed: sslyze could not finish:\n  " + "\n  ".join(sorted(incomplete)))
    return result


def findings(result):
    """What the profile objects to, by criterion. A certificate for another name fails its path validation."""
    try:
        check_server_against_tls_configuration(
            server_scan_result=result,
            tls_config_to_check_against=MozillaTlsConfiguration.get(TlsConfigurationEnum.MOZILLA_MODERN),
        )
    except ServerNotCompliantWithTlsConfiguration as refusal:
        return dict(refusal.issues)
    return {}


def describe(result):
    scans = result.scan_result
    leaf = scans.certificate_info.result.certificate_deployments[0].received_certificate_chain[0]
    lifetime = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    suites = [accepted.cipher_suite.name for accepted in scans.tls_1_3_cipher_suites.result.accepted_cipher_suites]
    curves = [curve.name for curve in scans.elliptic_curves.result.supported_curves or []]
    print(f"certificate: {leaf.signature_algorithm_oid._name}, {lifetime.days} days")
    print(f"TLS 1.3: {', '.join(sorted(suites))}")
    print(f"groups: {', '.join(sorted(curves))}")


def main():
    options = arguments()
    # About roots in the public trust stores that sslyze brings; none of them counts here.
    warnings.filterwarnings("ignore", category=CryptographyDeprecationWarning)
    for name in ("pi.pem", "ca.pem"):
        if not (options.identity / name).is_file():
            sys.exit(f"failed: {options.identity / name} is missing: it comes from 'provision new-pi'")
    result = scan(options.address, options.identity)
    describe(result)
    issues = findings(result)
    if options.allow_long_lifetime and LIFETIME in issues:
        print(f"allowed: {issues.pop(LIFETIME)}")
    for criterion, finding in sorted(issues.items()):
        print(f"finding: {criterion}: {finding}")
    if issues:
        sys.exit(f"failed: the receiver does not meet Mozilla's modern profile ({len(issues)} findings)")
    print("ok: sslyze finds nothing against Mozilla's modern profile")


if __name__ == "__main__":
    main()
