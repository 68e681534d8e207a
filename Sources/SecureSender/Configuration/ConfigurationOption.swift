import ArgumentParser
import CommandSupport
import FoundationEssentials

struct ConfigurationOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Settings in TOML, under the names of the options; else ./secure-sender.toml, ~/.config/secure-sender/config.toml or /etc/secure-sender/config.toml, whichever is there first.",
            valueName: "file"))
    var config: String?

    /// `nil` if there is none.
    func find(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(CommandFailure) -> ConfigurationFile? {
        let chosen = config ?? environment[EnvironmentSettings.configVariable]
        return try ConfigurationFile.find(chosen: chosen.flatMap { $0.isEmpty ? nil : $0 })
    }
}
