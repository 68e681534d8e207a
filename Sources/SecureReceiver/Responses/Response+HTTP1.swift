import HTTPTypes
import NIOCore
import NIOHTTP1
import UploadProtocol

extension Response {
    /// As it goes to the encoder. `date`: seconds since 1970.
    func http1Parts(date: Int64) -> [HTTPServerResponsePart] {
        var headers = HTTPHeaders(fields.map { ($0.name.rawName, $0.value) })
        headers.add(name: "Date", value: HTTPDate.format(date))
        headers.add(name: "Content-Length", value: String(body.count))
        if closesConnection { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
        let hasBody = !omitsBody && !body.isEmpty
        return [.head(head)] + (hasBody ? [.body(.byteBuffer(ByteBuffer(bytes: body)))] : []) + [.end(nil)]
    }
}
