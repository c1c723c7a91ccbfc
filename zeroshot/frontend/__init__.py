"""Front ends: sound as log-mel or MFCC pictures, motion as scaled windows, in integers alike in Python and in C."""
