import TestSupport
import Testing

/// Has coreutils check the receipt files `names` in `folder`.
func expectSumsAgree(in folder: String, _ names: [String], sourceLocation: SourceLocation = #_sourceLocation)
    async throws
{
    let outcome = try await Program.run("/usr/bin/sha256sum", ["--strict", "--check", "--"] + names, in: folder)
    #expect(outcome.exitCode == 0, "\(outcome.errors)\(outcome.output)", sourceLocation: sourceLocation)
}
