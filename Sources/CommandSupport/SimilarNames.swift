/// Up to three of `names` that one may have meant by typing `text`, the nearest first.
package func similarNames(to text: String, in names: [String]) -> [String] {
    let distances = names.map { (name: $0, distance: distance(from: text, to: $0)) }
    // Where as many letters differ as there are, nothing is similar.
    return distances.filter {
        $0.distance <= min(max(2, text.utf8.count / 4), text.utf8.count - 1) || $0.name.hasPrefix(text)
    }
    .sorted { $0.distance < $1.distance }.prefix(3).map(\.name)
}

/// How many letters are to be changed, added or left out (Levenshtein's distance).
private func distance(from text: String, to other: String) -> Int {
    let (from, to) = (Array(text.utf8), Array(other.utf8))
    var row = Array(0...to.count)
    for (index, letter) in from.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for (column, wanted) in to.enumerated() {
            let replaced = diagonal + (letter == wanted ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
        }
    }
    return row[to.count]
}
