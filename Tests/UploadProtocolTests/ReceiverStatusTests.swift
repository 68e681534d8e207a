import Testing
import UploadProtocol

@Suite("A receiver's status")
struct ReceiverStatusTests {
    @Test("is read as it was written", arguments: [nil, Int64(1_000_000)])
    func roundTrip(largest: Int64?) {
        let status = ReceiverStatus(available: 12_345_678_901, largest: largest, time: 1_795_373_193)
        #expect(ReceiverStatus(json: status.json) == status)
    }

    @Test("is one line, with a limit only where there is one")
    func form() {
        let limited = ReceiverStatus(available: 2, largest: 1, time: 1_795_373_193)
        #expect(limited.json == #"{"available":2,"largest":1,"time":"2026-11-22T18:46:33Z"}"#)
        let unlimited = ReceiverStatus(available: 2, largest: nil, time: 1_795_373_193)
        #expect(unlimited.json == #"{"available":2,"time":"2026-11-22T18:46:33Z"}"#)
    }

    @Test("may say more than we know")
    func unknownMembers() {
        #expect(ReceiverStatus(json: #"{"available":2,"time":"x","load":[1]}"#)?.available == 2)
    }

    @Test(
        "is none if it lacks what it has to say, or says it in another form",
        arguments: [
            "", "{}", "[]", #"{"available":2}"#, #"{"time":"2026-11-22T18:46:33Z"}"#, #"{"available":-1,"time":"x"}"#,
            #"{"available":"2","time":"x"}"#, #"{"available":2,"largest":-1,"time":"x"}"#,
            #"{"available":99999999999999999999,"time":"x"}"#,
        ])
    func refused(json: String) {
        #expect(ReceiverStatus(json: json) == nil)
    }
}
