/// The error of something that must fail with one of that type; any other is passed on. (Swift Testing gives it by
/// itself, but not yet the one of Swift 6.0.)
package func failure<Failure: Error, Result>(_ type: Failure.Type, _ body: () throws -> Result) throws -> Failure {
    do {
        _ = try body()
    } catch let error as Failure {
        return error
    }
    throw NothingWasThrown()
}

package struct NothingWasThrown: Error {}
