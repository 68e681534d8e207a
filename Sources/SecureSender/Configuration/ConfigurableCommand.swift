import ArgumentParser
import CommandSupport
import FoundationEssentials

/// A command whose settings can also stand in the environment and in a file: the option counts before the environment, and
/// that before the file. One mechanism for all of them: what the other sources say is put before what was typed, in which
/// the last word counts.
protocol ConfigurableCommand: ParsableCommand {
    /// Those of `Setting.all` that it takes.
    static var settings: [Setting] { get }
    var ip: String? { get }
    var dir: String? { get }
    var configurationFile: ConfigurationOption { get }
}

extension ConfigurableCommand {
    /// As `runToExit`, with what the other sources add to what was `typed`.
    static func runConfigured(_ typed: [String]) -> Never {
        runToExit(try arguments(typed))
    }

    /// `typed`, with what the other sources say.
    static func arguments(
        _ typed: [String], environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> [String] {
        let command = try parse(typed)
        let variables = try EnvironmentSettings.read(environment)
        let file = try command.configurationFile.find(environment: environment)?.settings ?? []
        for source in [file, variables] {
            for setting in source { try check(setting, in: source) }
        }

        // A list of a later source replaces that of an earlier one; so does a flag that is false.
        let given = (file.filter { setting in !variables.contains { $0.replaces(setting) } } + variables)
            .filter { settings.contains($0.setting) && !isReplaced($0.setting, by: typed) }
        let places = [command.ip, command.dir].compactMap { $0 }.count
        let rest = (places..<2).map { place in
            given.first { $0.setting.kind == .argument(place) }?.values.first
        }.prefix { $0 != nil }.compactMap { $0 }
        return given.flatMap(\.arguments) + typed + (rest.isEmpty || typed.contains("--") ? [] : ["--"]) + rest
    }

    /// Of others the last word counts.
    private static func isReplaced(_ setting: Setting, by typed: [String]) -> Bool {
        let names = [setting.kind == .list ? setting.name : nil, setting.rival].compactMap { $0 }
        return typed.prefix { $0 != "--" }.contains { word in
            names.contains { word == "--\($0)" || word.hasPrefix("--\($0)=") }
        }
    }

    /// Says where a value stands that its option would not take, or not beside another one of its source.
    private static func check(_ given: GivenSetting, in source: [GivenSetting]) throws(CommandFailure) {
        if ["dir", "identity", "sent-dir"].contains(given.setting.name),
            given.values.contains(where: { $0.utf8.first == UInt8(ascii: "~") })
        {
            throw CommandFailure(
                "\(given.origin) cannot be used", reason: "a ~ stands for a folder in shells alone",
                hint: "write the whole path, such as /home/pi/data_logs", exitCode: .configuration)
        }
        let rivals = source.filter { $0.setting.name == given.setting.rival }
        do { _ = try SecureSenderCommand.parse((rivals + [given]).flatMap(\.arguments)) } catch {
            throw CommandFailure(
                "\(given.origin) cannot be used",
                reason: CommandOutput.joinedLines(SecureSenderCommand.message(for: error)),
                hint: "what it takes: secure-sender --help", exitCode: .configuration)
        }
    }
}
