// What the sanitizers must report, or they report nothing at all: a race, and a number read behind the end.
import Dispatch
import Glibc

func addOne(_ number: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    number?.assumingMemoryBound(to: Int.self).pointee += 1
    return nil
}

let number = UnsafeMutablePointer<Int>.allocate(capacity: 1)
number.initialize(to: 0)
var other = pthread_t()
pthread_create(&other, nil, addOne, number)
_ = addOne(number)
pthread_join(other, nil)
print(number[number.pointee - 1])
DispatchQueue.global().sync {}
