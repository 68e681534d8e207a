/// Room for one piece of a file or of the network's bytes, filled again and again.
final class PieceBuffer {
    static let byteCount = 64 << 10

    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 16)

    deinit {
        bytes.deallocate()
    }

    /// What was filled last.
    func prefix(_ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[..<count])
    }
}
