import CertificateAuthority
import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// How a new authority takes the place of the old one without locking anybody out.
///
/// 1. The receiver believes both roots: `ca.pem` gets the new one beside the old one. It goes on to present its old
///    certificate, so Pis that know the old root alone notice nothing.
/// 2. Each Pi gets a bundle with both roots and a certificate of the new one. The receiver accepts it already, and the Pi
///    accepts the receiver whichever root it shows. Pis may take their time, each its own.
/// 3. When all have it, the receiver gets a certificate of the new root, and the old root is dropped.
///
/// `ca.next.key` is there from 1 to 3: it signs Pis, `ca.key` signs the receiver. `ca.next.pem` tells which root it is, and
/// stays until the last bundle is written. `begin` and `finish` change `certs/` in one moment each, and the bundles after
/// it; after an interruption each is simply run again.
struct AuthorityChange {
    let deployment: Deployment
    let setUp: ExistingSetUp
    let request: Renew.Request
    let say: (String) -> Void

    func begin() throws {
        try checkClock(request.now, notBefore: setUp.authority.receiverAuthority)
        try checkBeginning()
        let authority = setUp.authority.isChanging ? setUp.authority : try addRoot()
        // The wish of --days is for the authority.
        var request = request
        request.days = nil
        let renewal = IdentityRenewal(
            deployment: deployment,
            setUp: ExistingSetUp(authority: authority, identifiers: setUp.identifiers), request: request, say: say)
        let pis = try PiProgress.all(deployment, setUp.identifiers, authority)
        let late = pis.filter { $0.state == .oldBundle }
        let bundles = try late.map { try renewal.renew($0.name, $0.kept) }
        if !bundles.isEmpty {
            try deployment.replace(bundles, roots: authority.roots)
            say("Made new bundles, with both roots and a certificate of the new one: \(list(bundles.map(\.name)))")
        }
        tell(try PiProgress.all(deployment, setUp.identifiers, authority))
    }

    private func checkBeginning() throws {
        guard !setUp.authority.isFinishing else {
            throw CommandFailure(
                "the last change of the authority is not finished yet",
                reason: "there may be bundles that still hold the old root",
                hint: "finish it first: provision renew --ca --finish", exitCode: .temporaryFailure)
        }
        guard let days = request.days else { return }
        guard !setUp.authority.isChanging else {
            throw CommandFailure(
                "--days \(days) comes too late",
                reason: "the new authority is made, until \(endDate(setUp.authority.authority.certificate))",
                hint: "leave --days out", exitCode: .usage)
        }
        let end = Validity(now: request.now, days: days).notAfter
        let pis = setUp.identifiers.list.named.keys.sorted().compactMap { name in
            (try? deployment.keptIdentity(of: name)).flatMap { $0 }.map { (name.text, $0.identity.certificate) }
        }
        // Whom it is to replace, it must outlive: a fleet would go dark sooner than without it.
        let others = [("the old one", setUp.authority.authority.certificate)] + pis
        guard let latest = others.max(by: { $0.1.notAfter ?? 0 < $1.1.notAfter ?? 0 }),
            let needed = latest.1.notAfter, end < needed
        else { return }
        throw CommandFailure(
            "a new authority of \(days) days would end on \(date(end))",
            reason: "\(latest.0) counts longer, until \(date(needed))",
            hint: "leave --days out: it then counts for \(Lifetime.authorityDays) days", exitCode: .usage)
    }

    func finish(isCopied: Bool) throws {
        // An earlier --finish came no further than this.
        if setUp.authority.isFinishing { return try finishBundles() }
        guard setUp.authority.isChanging else {
            throw CommandFailure(
                "no authority is being changed here", reason: "there is no \(deployment.nextAuthorityKey)",
                hint: "it begins with: provision renew --ca", exitCode: .usage)
        }
        try checkClock(request.now, notBefore: setUp.authority.authority)
        let pis = try PiProgress.all(deployment, setUp.identifiers, setUp.authority)
        let late = pis.filter { [.oldBundle, .notKept, .otherSecret].contains($0.state) }
        guard late.isEmpty else {
            throw CommandFailure(
                "the old root cannot be dropped yet",
                reason: "of these Pis there is no bundle of the new one: \(list(late.map(\.name)))",
                hint: """
                    make it: provision renew --ca; with a new key where the old one is not kept: \
                    provision renew <name> --new-key; with a new secret where ids.txt has another one: \
                    provision rotate <name>. A Pi that is no more: take its line out of \(deployment.identifiers)
                    """, exitCode: .temporaryFailure)
        }
        let unknown = pis.filter { $0.state == .newBundle }
        guard isCopied || unknown.isEmpty else {
            throw CommandFailure(
                "the old root cannot be dropped yet",
                reason: "it is not known here whether these Pis have their new bundle: \(list(unknown.map(\.name)))",
                hint: """
                    bring it to them: provision bundle <name> --install pi@<name>.local. If you copied it to every one of \
                    them by hand: provision renew --ca --finish --copied
                    """, exitCode: .temporaryFailure)
        }
        try dropOldRoot()
        try finishBundles()
    }

    /// The bundles must not bring the old root back.
    private func finishBundles() throws {
        let roots = try deployment.roots()
        let bundles = try PiProgress.all(deployment, setUp.identifiers, setUp.authority).compactMap(\.kept)
            .filter { $0.roots != roots }.map(\.identity)
        if !bundles.isEmpty { try deployment.replace(bundles, roots: roots) }
        let mark = deployment.nextAuthorityCertificate
        guard unlink(mark) == 0 || errno == ENOENT else { throw SystemCallError("remove", mark) }
        try synchronizeDirectory(of: mark)
        let others = ((try? Certificate.all(inPEM: roots).count) ?? 1) - 1
        if others > 0 {
            say(
                "\(deployment.authorityCertificate) holds \(others) more, believed as before: take out what is of no use."
            )
        }
        say(
            """
            The change is finished: the old root is dropped here and in every bundle. The Pis need no new bundle for it, \
            but where the old key may have been stolen: then bring each its bundle once more, so that it stops believing \
            the old root too.
            """)
        say(
            "Keep a copy of \(deployment.authorityKey) and \(deployment.authorityCertificate) in a safe place; the old copy is of no use any more."
        )
    }

    private func addRoot() throws -> LocalAuthority {
        let old = setUp.authority.authority
        let new = try CertificateAuthority(
            creatingFor: old.trustDomain,
            validity: Validity(now: request.now, days: request.days ?? Lifetime.authorityDays))
        var roots = setUp.authority.roots
        if let last = roots.last, last != UInt8(ascii: "\n") { roots.append(UInt8(ascii: "\n")) }
        roots += Array(try new.certificate.pem.utf8)
        let change = try CertificateChange(deployment)
        do {
            try change.write(roots, to: deployment.authorityCertificate, mode: 0o644)
            // It gets the passphrase of the old one.
            let phrase = setUp.authority.passphrase
            let key = if let phrase { try new.key.pem(passphrase: phrase) } else { try new.key.pem() }
            try change.write(key.withUnsafeBytes(Array.init), to: deployment.nextAuthorityKey, mode: 0o600)
            try change.write(Array(new.certificate.pem.utf8), to: deployment.nextAuthorityCertificate, mode: 0o644)
            try change.commit()
        } catch {
            change.discard()
            throw error
        }
        say("Made a new authority beside the old one, until \(endDate(new.certificate)):")
        say("  \(deployment.authorityCertificate)  both roots")
        say("  \(deployment.nextAuthorityKey)  the new one's key; it signs the Pis from now on")
        say("  \(deployment.nextAuthorityCertificate)  the new one alone; it goes when the change is finished")
        say("Keep a copy of \(deployment.nextAuthorityKey) in a safe place, as of \(deployment.authorityKey).")
        return LocalAuthority(
            authority: new, receiverAuthority: old, roots: roots, passphrase: setUp.authority.passphrase)
    }

    private func dropOldRoot() throws {
        let old = setUp.authority.receiverAuthority.certificate
        // A new key too: the old one may be the reason for the change.
        var request = request
        request.hasNewKey = true
        let renewal = ReceiverRenewal(deployment: deployment, setUp: setUp, request: request, say: say)
        let change = try CertificateChange(deployment)
        do {
            let receiver = try renewal.stage(
                in: change, renewal.oldReceiver(), authority: setUp.authority.authority)
            try change.write(
                PEMText.without(old, setUp.authority.roots), to: deployment.authorityCertificate, mode: 0o644)
            try change.write(
                readFile(deployment.nextAuthorityKey, limit: 1 << 16), to: deployment.authorityKey, mode: 0o600)
            try change.remove(deployment.nextAuthorityKey)
            // It stays until the bundles are done.
            try change.write(
                Array(setUp.authority.authority.certificate.pem.utf8), to: deployment.nextAuthorityCertificate,
                mode: 0o644)
            try change.commit()
            renewal.tell(receiver)
        } catch {
            change.discard()
            throw error
        }
    }

    private func tell(_ pis: [PiProgress]) {
        func names(_ state: PiProgress.State) -> [PiName] { pis.filter { $0.state == state }.map(\.name) }
        say("")
        say("How far the change of the authority is:")
        say(
            "  receiver   believes both roots as soon as it has read \(deployment.authorityCertificate): one that runs in this"
        )
        say("             folder does so by itself; to one elsewhere copy that file before any Pi gets its bundle")
        for (state, words) in [
            (PiProgress.State.installed, "done       new root and certificate brought to the Pi"),
            (.newBundle, "to copy    new bundle made; whether the Pi has it is not known here"),
            (.notKept, "key gone   no usable files here; run provision renew <name> --new-key"),
            (.otherSecret, "unlike     ids.txt has another secret than the files here; run provision rotate <name>"),
            (.shutOut, "shut out   no line in ids.txt; nothing to do"),
        ] where !names(state).isEmpty {
            say("  \(words): \(list(names(state)))")
        }
        explainBundles(names(.newBundle), deployment, say)
        say("")
        say("Nobody is locked out meanwhile: take the time that it takes. When every Pi has its bundle:")
        say("  provision renew --ca --finish")
    }
}

func list(_ names: [PiName]) -> String { names.map(\.text).joined(separator: ", ") }
