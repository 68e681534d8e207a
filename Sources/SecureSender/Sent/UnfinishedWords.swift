import CommandSupport
import Files

extension SendEvent {
    private static let mostTold = 10

    /// What of an interrupted batch could not be finished, by name.
    static func warnings(of unfinished: [MoveNote.Unfinished]) -> [SendEvent] {
        var warnings = unfinished.prefix(mostTold).map { SendEvent.warning($0.description) }
        let untold = unfinished.count - warnings.count
        if untold > 0 {
            warnings.append(.warning("The moves of \(counted(untold, "more file")) could not be finished either"))
        }
        return warnings
    }
}

extension MoveNote.Unfinished: CustomStringConvertible {
    var description: String {
        let what =
            if let path {
                "The move of \(CommandOutput.oneLine(path)), which was interrupted, could not be finished"
            } else {
                "What an interrupted run was moving cannot be told"
            }
        let hint = error.wayOut ?? "it is tried again at each look"
        return
            "\(what): \(CommandOutput.oneLine("\(error)"))\n  hint: \(hint)"
    }
}
