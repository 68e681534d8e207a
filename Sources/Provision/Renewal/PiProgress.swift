import CertificateAuthority
import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// How far one Pi is in a change of the authority, as far as this folder knows.
struct PiProgress {
    enum State: Hashable {
        /// The bundle here has not both roots and a certificate of the new one.
        case oldBundle
        /// It has; whether the Pi has it nobody told.
        case newBundle
        /// `provision bundle --install` brought it.
        case installed
        /// Neither folder nor tar is here, or they cannot be used.
        case notKept
        /// `ids.txt` has another secret for it than what is kept here: a working Pi, of which no bundle can be made.
        case otherSecret
        /// `ids.txt` does not have it: it takes no part.
        case shutOut
    }

    let name: PiName
    let state: State
    let kept: KeptIdentity?

    static func all(
        _ deployment: Deployment, _ identifiers: IdentifierFile, _ authority: LocalAuthority
    ) throws -> [PiProgress] {
        try deployment.knownNames(identifiers).map { name in
            var kept: KeptIdentity?
            do {
                kept = try deployment.keptIdentity(of: name)
            } catch is CommandFailure {
                // Damaged: as good as gone.
            }
            guard let kept else {
                let isListed = identifiers.list.named[name] != nil
                return PiProgress(name: name, state: isListed ? .notKept : .shutOut, kept: nil)
            }
            return PiProgress(
                name: name, state: try state(kept, deployment, identifiers, authority), kept: kept)
        }
    }

    private static func state(
        _ kept: KeptIdentity, _ deployment: Deployment, _ identifiers: IdentifierFile, _ authority: LocalAuthority
    ) throws -> State {
        let name = kept.identity.name
        guard identifiers.list.secrets(for: name).contains(kept.identity.secret) else {
            return identifiers.list.named[name] == nil ? .shutOut : .otherSecret
        }
        let roots = Set((try? Certificate.all(inPEM: kept.roots))?.map(\.fingerprint) ?? [])
        guard kept.identity.certificate.isSigned(by: authority.authority.certificate),
            roots.contains(authority.authority.certificate.fingerprint)
        else { return .oldBundle }
        return try Installation(of: kept) == Installation(recordedFor: name, in: deployment) ? .installed : .newBundle
    }
}
