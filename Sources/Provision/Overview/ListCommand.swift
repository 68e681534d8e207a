import ArgumentParser
import CommandSupport
import Glibc

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Shows every Pi: since when, until when its certificate counts, and whether ids.txt has it.",
        discussion: """
            What ends within \(PiRecord.warningDays) days, has ended or is revoked stands out: by a word, and on a terminal \
            by colour, unless NO_COLOR is set. Changes nothing.

            An example:

              $ provision list
              name   made        certificate until  ids.txt
              pi-01  2026-05-16  2036-05-11         yes
              pi-02  2026-05-16  2036-05-11         no       revoked on 2026-07-31
              2 Pis: 1 revoked
            """)

    @Flag(help: "An array of objects, for programs.") var json = false

    func run() throws {
        try reportingFailures {
            let deployment = Deployment()
            let pis = try PiRecord.all(in: deployment, try deployment.existingIdentifiers())
            let list = PiList(pis: pis, now: Int64(time(nil)))
            try CommandOutput.sayStyled(json ? [list.json] : list.lines(inColours: CommandOutput.hasColours))
        }
    }
}
