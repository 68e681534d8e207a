import CommandSupport

@main
enum Main {
    static func main() {
        ProvisionCommand.runToExit(
            preparing: { try Account.becomeOwner(of: ".") },
            finishing: { try CommandOutput.refuseLostOutput(hint: "see what there is: provision list") })
    }
}
