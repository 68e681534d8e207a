import CommandSupport

@main
enum Main {
    static func main() {
        ProvisionCommand.runToExit { try Account.becomeOwner(of: ".") }
    }
}
