/// A point in a commit at which a crash would leave the store in a state of its own.
package enum CommitStep: CaseIterable, Sendable {
    case creationNoted, receiptLinked, contentLinked
    case replacementContentLinked, replacementReceiptLinked, intentLinked
    case earlierContentLinked, earlierReceiptLinked
    case receiptReplaced, contentReplaced, intentRemoved
    case partialMade, partialNoteLinked, partialExtended, partialGoneBack, partialCommitted, partialNoteRemoved,
        partialRemoved
}

/// Told of each step right after it; tests take an image of the store there.
package typealias StepObserver = @Sendable (CommitStep) -> Void

/// Told of bytes as they are read of what was written earlier: of a large file on a slow disk that takes minutes, and is no hang.
package typealias ReadObserver = @Sendable (Int) -> Void
