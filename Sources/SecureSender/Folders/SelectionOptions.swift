import ArgumentParser

/// The options for what is sent, of a run and of its check.
struct SelectionOptions: ParsableArguments {
    @Option(
        name: .customLong("include"),
        help: ArgumentHelp(
            "Send only files whose name, or path below the folder, matches this pattern (quote it: '*.csv'). May be given several times.",
            valueName: "pattern"))
    var included: [String] = []

    @Option(
        name: .customLong("exclude"),
        help: ArgumentHelp(
            "Leave out files and folders whose name, or path below the folder, matches this pattern, also of those included. May be given several times.",
            valueName: "pattern"))
    var excluded: [String] = []

    func validate() throws {
        guard !(included + excluded).contains("") else {
            throw ValidationError("--include and --exclude take a pattern, such as '*.csv'.")
        }
        // The path begins below the folder: nothing would ever match.
        if let pattern = (included + excluded).first(where: { $0.utf8.first == UInt8(ascii: "/") || $0.hasPrefix("./") }
        ) {
            throw ValidationError("A pattern is compared with the path below the folder: '\(pattern)' matches nothing.")
        }
    }

    var selection: FileSelection { FileSelection(included: included, excluded: excluded) }
}
