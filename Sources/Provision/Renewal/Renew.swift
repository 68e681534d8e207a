import CertificateAuthority
import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// `provision renew`: new certificates for what has some, in a folder that is set up.
struct Renew {
    enum Subject: Hashable {
        case pis([PiName])
        case receiver
        /// Every Pi and the receiver.
        case all
        /// A new root beside the old one.
        case authority
        /// The old root is dropped. `isCopied`: a person says that every Pi has its new bundle.
        case authorityFinish(isCopied: Bool)
    }

    struct Request {
        var subject: Subject
        /// Seconds: only certificates that end sooner are renewed.
        var within: Int64?
        var hasNewKey = false
        var days: Int?
        var hosts: [HostName] = []
        var passphrase = AuthorityPassphrase()
        /// Seconds since 1970.
        var now: Int64
    }

    let deployment: Deployment
    let request: Request
    let say: (String) -> Void

    func run() throws {
        // First, so that nobody is asked for a passphrase where there is nothing.
        _ = try deployment.existingIdentifiers()
        var passphrase = request.passphrase
        try passphrase.obtain(for: deployment)
        try deployment.change(say) { [passphrase] identifiers in
            guard case .present(let authority) = try deployment.readAuthority(passphrase) else {
                throw CommandFailure(
                    "\(deployment.authorityCertificate) is missing",
                    reason: "there is nothing here that could be renewed",
                    hint: "go to the folder in which provision new-pi ran; or begin here: provision init",
                    exitCode: .configuration)
            }
            let setUp = ExistingSetUp(authority: authority, identifiers: identifiers)
            let pis = IdentityRenewal(deployment: deployment, setUp: setUp, request: request, say: say)
            let receiver = ReceiverRenewal(deployment: deployment, setUp: setUp, request: request, say: say)
            let change = AuthorityChange(deployment: deployment, setUp: setUp, request: request, say: say)
            switch request.subject {
            case .pis(let names):
                try checkAuthority(setUp.authority.authority)
                try pis.run(names)
            case .receiver:
                try checkAuthority(setUp.authority.receiverAuthority)
                try receiver.run()
            case .all:
                try checkAuthority(setUp.authority.receiverAuthority)
                let failed = try pis.runAll()
                try receiver.run()
                guard failed.isEmpty else {
                    throw CommandFailure(
                        "not renewed: \(list(failed))", reason: "see above", exitCode: .temporaryFailure)
                }
            case .authority:
                try change.begin()
            case .authorityFinish(let isCopied):
                try change.finish(isCopied: isCopied)
            }
        }
    }

    private func checkAuthority(_ authority: CertificateAuthority) throws {
        try checkClock(request.now, notBefore: authority)
        let certificate = authority.certificate
        guard let end = certificate.notAfter else { return }
        guard request.now < end else {
            throw CommandFailure(
                "the certificate authority ended on \(endDate(certificate))",
                hint: "if today is earlier, set this computer's clock; else make a new one: provision renew --ca",
                exitCode: .configuration)
        }
        // What it signs ends with it.
        if end < Validity(now: request.now, days: request.days ?? Lifetime.leafDays).notAfter {
            say(
                "The authority itself ends on \(endDate(certificate)), and what it signs with it. For a new one: provision renew --ca"
            )
        }
    }
}

func checkClock(_ now: Int64, notBefore authority: CertificateAuthority) throws {
    guard now >= authority.certificate.notBefore ?? 0 else {
        throw CommandFailure(
            "this computer's clock says \(date(now))",
            reason: "that cannot be: the authority was made later, and certificates made now would not count",
            hint: "set the clock, for example: timedatectl set-ntp true", exitCode: .configuration)
    }
}

/// A deployment as a command finds it that changes what is there.
struct ExistingSetUp {
    let authority: LocalAuthority
    let identifiers: IdentifierFile
}
