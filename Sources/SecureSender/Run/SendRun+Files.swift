import CommandSupport
import Files
import Glibc
import MessageSignatures
import OpenSSL
import UploadProtocol

extension SendRun {
    /// For a file of which nothing was sent: neither one that is being written nor one that is gone is a failure.
    func leave(_ path: UploadPath, _ obstacle: FileObstacle) {
        switch obstacle {
        case .gone: break
        case .changed where isGone(path): break
        case .beingWritten: beingWrittenCount += 1
        default: fail(path, reason: "\(obstacle)", hint: obstacle.wayOut ?? "it waits for the next run")
        }
    }

    func fail(_ path: UploadPath, reason: String, hint: String? = "it waits for the next run") {
        failedCount += 1
        report(.failed(.notSent(path, reason: reason, hint: hint), file: path.description))
    }

    func fail(_ file: FileInParts, reason: String, hint: String? = "it waits for the next run") {
        inParts.removeAll { $0 === file }
        fail(file.file.path, reason: reason, hint: hint)
    }

    /// For a file of which something was sent.
    func fail(_ file: FileInParts, _ obstacle: FileObstacle) {
        if obstacle == .changed, isGone(file.file.path) {
            return fail(file, reason: Self.goneReason, hint: Self.goneHint)
        }
        fail(file, reason: "\(obstacle)", hint: obstacle.wayOut ?? "it waits for the next run")
    }

    private static let goneReason = "it was removed, moved or renamed while it was being sent"
    private static let goneHint = "if it is still below this folder, the next run sends it under its new name"

    /// Of a file in parts several requests may be under way: it fails once.
    func fail(_ exchange: Exchange, reason: String, hint: String?) {
        if exchange.request == .put { return fail(exchange.file.path, reason: reason, hint: hint) }
        guard let file = inParts.first(where: { $0.file == exchange.file }) else { return }
        fail(file, reason: reason, hint: hint)
    }

    /// Has moved what the receiver has acknowledged, and tells of what is moved by now. `certificateEnd`: of the receiver's, in
    /// seconds since 1970.
    func settle(certificateEnd: Int64) {
        mover?.move(acknowledged)
        acknowledged = []
        let moved = mover?.takeMoved() ?? []
        // Asked once, where a file could not be moved.
        var takesFiles: Bool?
        for moved in moved {
            let acknowledged = moved.acknowledged
            let path = acknowledged.file.path
            switch moved.outcome {
            case .moved(let name):
                sentCount += 1
                report(
                    .sent(
                        path, receipt: acknowledged.receipt.receipt,
                        keptAs: name.utf8.elementsEqual(path.description.utf8) ? nil : name))
            case .changed:
                fail(path, reason: "\(FileObstacle.changed)")
            case .failed(let error) where mayConcernOne(error, &takesFiles):
                // Before it is sent again the others are.
                refused.add(acknowledged.file.fingerprint, at: .now)
                fail(acknowledged.file, error)
            case .failed(let error) where error.concernsWholeDisk:
                // The others would be sent, and sent again by the next run, and stay too.
                immovableCount += 1
                giveUp("what the receiver has could not be moved: \(error)", .zero)
            case .failed(let error) where error.code == ENOENT && isGone(path):
                fail(path, reason: Self.goneReason, hint: Self.goneHint)
            case .failed(let error):
                fail(path, reason: "the receiver has it, but it could not be moved: \(error)", hint: nil)
            }
        }
        guard let time = moved.last?.acknowledged.receipt.parameters.created else { return }
        lastReceipt = (time, certificateEnd)
        warnOfCertificates(receiver: certificateEnd, time: time)
    }

    /// Whether the error may be that file's own, as the folder for sent files takes others. A lack of room may where files are
    /// copied.
    private func mayConcernOne(_ error: SystemCallError, _ takesFiles: inout Bool?) -> Bool {
        guard error.mayConcernOneFile(isCopied: isSentToOtherDisk) else { return false }
        if let takesFiles { return takesFiles }
        var isTaken = true
        do throws(SystemCallError) {
            try SentFolder.probe(sentFolder, stop: stop, patience: .seconds(2), makeRoom: {})
        } catch { isTaken = false }
        takesFiles = isTaken
        return isTaken
    }

    private var isSentToOtherDisk: Bool {
        do throws(SystemCallError) {
            return try folder.descriptor.status().st_dev != sentFolder.descriptor.status().st_dev
        } catch { return false }
    }

    private func fail(_ file: OutgoingFile, _ error: SystemCallError) {
        let size = error.isForLackOfRoom ? " (\(formattedSize(file.size)))" : ""
        fail(
            file.path, reason: "the receiver has it, but it could not be moved\(size): \(error)",
            hint: error.isForLackOfRoom
                ? "make room on that disk (df shows how full it is), or name a folder on a larger one with --sent-dir"
                : error.wayOut ?? "it waits for the next run")
    }

    private func isGone(_ path: UploadPath) -> Bool {
        do throws(SystemCallError) {
            return try folder.folder(path.segments.dropLast()).status(of: path.name) == nil
        } catch {
            return error.code == ENOENT
        }
    }

    /// The same, until all is moved: no more will come.
    func settleAll(certificateEnd: Int64) {
        settle(certificateEnd: certificateEnd)
        mover?.hurry()
        while let mover, mover.count > 0 {
            mover.wait(atMost: SenderSettings.wordInterval)
            settle(certificateEnd: certificateEnd)
            if mover.count > 0 { report(.moving(files: mover.count)) }
        }
    }

    /// Files that the receiver has acknowledged, and that were not moved yet.
    var unmovedCount: Int { acknowledged.count + (mover?.count ?? 0) }
}

extension SystemCallError {
    /// Whether other files on this disk fare no better.
    fileprivate var concernsWholeDisk: Bool { [ENOSPC, EDQUOT, EROFS, EIO].contains(code) }

    /// Whether others may fare better nevertheless. `isCopied`: where a file needs room for itself.
    func mayConcernOneFile(isCopied: Bool) -> Bool { code == EIO || isCopied && isForLackOfRoom }
}

// MARK: - Time

extension SendRun {
    /// Takes the receiver's time, and says once if the clock is wrong: without a synchronised clock ours is older than it
    /// says, by design, and a system clock that is right needs no word.
    func correctClock(to receiverTime: Int64) {
        let behind = clock.correct(to: receiverTime, at: .now)
        guard !hasToldClock, behind.magnitude > UploadSignature.defaultTolerance else { return }
        hasToldClock = true
        report(.clockIsWrong(behind: behind, isSynchronised: clock.isSynchronised))
    }

    /// Says once for each certificate that it is about to end. `receiver`: when the receiver's does; `time`: now; in seconds
    /// since 1970.
    func warnOfCertificates(receiver: Int64, time: Int64) {
        let ends: [(SendEvent.CertificateHolder, Int64?)] = [
            (.pi, identity.certificateChain[0].notAfter), (.receiver, receiver),
        ]
        for (holder, end) in ends {
            guard let end, .seconds(end - time) < settings.certificateWarning,
                toldCertificates.insert(holder).inserted
            else { continue }
            report(.certificateEnds(holder, time: end, remaining: .seconds(end - time)))
        }
    }
}
