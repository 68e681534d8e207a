import CommandSupport
import FoundationEssentials
import UploadProtocol

/// A refusal (RFC 9457) in words for the one who looks after the station.
struct ProblemDetails: Sendable {
    let status: Int
    /// `nil` for a code that is not ours.
    let problem: Problem?
    private let title: String?
    private let detail: String?

    init(_ response: Response) {
        status = response.status
        let body = try? JSONDecoder().decode(Body.self, from: Data(response.body))
        // The code counts only with its own status: something between us and the receiver may answer as well.
        problem = body?.code.flatMap { Problem(rawValue: $0) }.flatMap { $0.status == response.status ? $0 : nil }
        title = body?.title
        detail = body?.detail
    }

    private struct Body: Decodable {
        let code: String?
        let title: String?
        let detail: String?
    }

    /// A part of a sentence, on one line whatever the receiver sent.
    var words: String {
        "\(problem.map { explanation(of: $0) } ?? "the receiver refused it") \(answer)"
    }

    /// The receiver's own words, in parentheses. Its detail says more than its title, and together they say it twice.
    var answer: String {
        guard let said = [detail, title].compactMap({ $0 }).first(where: { !$0.isEmpty }) else { return "(\(status))" }
        return "(\(status) \(CommandOutput.oneLine(said)))"
    }

    var hint: String? {
        switch problem {
        case .insufficientStorage: "make room on the receiver's disk; the file waits for the next run"
        case .storageFailed: "the receiver's log says why; the file waits for the next run"
        case .timeout: "the file waits for the next run"
        case .tooLarge: "the receiver's limit is its option --max-size"
        case .pathConflict: "give the file or the folder another name"
        case .digestMismatch: "it may have been written to meanwhile; the file waits for the next run"
        default: nil
        }
    }

    /// Why the receiver does not take us for `pi`, and what to do; `nil` for any other refusal.
    func identityRefusal(of pi: PiName) -> (reason: String, hint: String)? {
        switch problem {
        case .authenticationFailed:
            (
                "the receiver does not accept the signature of \(pi) \(answer)",
                "is the line of \(pi) in the receiver's ids.txt, with the secret of this Pi's secret.py?"
            )
        case .identityMismatch: (words, "pi.pem and secret.py have to be of one and the same Pi")
        default: nil
        }
    }

    private func explanation(of problem: Problem) -> String {
        switch problem {
        case .insufficientStorage: "the receiver's disk is full"
        case .draining: "the receiver is shutting down or restarting"
        case .tooManyRequests: "the receiver takes no more at the moment"
        case .storageFailed: "the receiver could not write it to its disk"
        case .tooLarge: "it is larger than the receiver takes"
        case .pathConflict: "the receiver has a folder of this name, or a file where this one needs a folder"
        case .digestMismatch: "what arrived is not what was announced"
        case .timeout: "it took too long"
        case .clockSkew: "the receiver does not accept this Pi's time"
        case .identityMismatch: "certificate and signature name different Pis"
        case .invalidPath, .reservedName: "the receiver does not take this name"
        default: "the receiver refused it"
        }
    }
}
