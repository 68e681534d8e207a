import CommandSupport

/// Tells of a run in the form that was chosen.
final class Report {
    private let text: TextReport?
    private let json: JSONReport?

    init(_ options: ReportOptions) {
        json = options.json ? JSONReport() : nil
        let drawsBar = !options.json && !options.noProgress && options.verbosity != .quiet && Terminal.isThere
        text = options.json ? nil : TextReport(options, output: drawsBar ? .terminal : TextReport.Output())
        if drawsBar { Terminal.eraseAtSignals() }
    }

    func callAsFunction(_ event: SendEvent) {
        text?(event)
        json?(event)
    }

    /// To be called at the end, with the failure that nobody has told of yet.
    func end(_ failure: CommandFailure?) {
        text?.end()
        if let failure { json?.fail(failure) }
    }
}
